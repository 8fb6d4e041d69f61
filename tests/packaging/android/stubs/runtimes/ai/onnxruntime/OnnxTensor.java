package ai.onnxruntime;

public class OnnxTensor extends OnnxTensorLike {
    public static native OnnxTensor createTensor(OrtEnvironment env, java.nio.FloatBuffer data, long[] shape)
            throws OrtException;

    public native java.nio.FloatBuffer getFloatBuffer();

    @Override
    public native void close();
}

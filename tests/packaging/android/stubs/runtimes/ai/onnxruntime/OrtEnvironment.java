package ai.onnxruntime;

public final class OrtEnvironment implements AutoCloseable {
    public static native OrtEnvironment getEnvironment();

    public native OrtSession createSession(java.nio.ByteBuffer modelBuffer, OrtSession.SessionOptions options)
            throws OrtException;

    @Override
    public native void close();
}

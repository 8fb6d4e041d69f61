package ai.onnxruntime;

public class OrtSession implements AutoCloseable {
    public native java.util.Set<String> getInputNames();

    public native Result run(
            java.util.Map<String, ? extends OnnxTensorLike> inputs, java.util.Set<String> requestedOutputs)
            throws OrtException;

    @Override
    public native void close() throws OrtException;

    public static class SessionOptions implements AutoCloseable {
        public SessionOptions() {}

        public native void setIntraOpNumThreads(int numThreads) throws OrtException;

        public native void addConfigEntry(String configKey, String configValue) throws OrtException;

        public native void addXnnpack(java.util.Map<String, String> providerOptions) throws OrtException;

        public native void addNnapi(java.util.EnumSet<ai.onnxruntime.providers.NNAPIFlags> flags) throws OrtException;

        @Override
        public native void close();
    }

    public static class Result implements AutoCloseable, Iterable<java.util.Map.Entry<String, OnnxValue>> {
        public native OnnxValue get(int index);

        @Override
        public native java.util.Iterator<java.util.Map.Entry<String, OnnxValue>> iterator();

        @Override
        public native void close();
    }
}

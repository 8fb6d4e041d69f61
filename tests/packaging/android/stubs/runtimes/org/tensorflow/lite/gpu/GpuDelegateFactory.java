package org.tensorflow.lite.gpu;

public class GpuDelegateFactory {
    public static class Options implements java.io.Serializable {
        public Options() {}

        public native Options setPrecisionLossAllowed(boolean precisionLossAllowed);

        public native Options setSerializationParams(String serializationDir, String modelToken);
    }
}

package org.tensorflow.lite.nnapi;

public class NnApiDelegate implements org.tensorflow.lite.Delegate, AutoCloseable {
    public NnApiDelegate(Options options) {}

    @Override
    public native long getNativeHandle();

    @Override
    public native void close();

    public static final class Options {
        public Options() {}

        public native Options setAllowFp16(boolean enable);

        public native Options setUseNnapiCpu(boolean enable);
    }
}

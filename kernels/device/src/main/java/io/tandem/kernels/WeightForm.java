package io.tandem.kernels;

import java.util.Locale;

/** Memory layout of the frozen weights of linear layers. */
public enum WeightForm {
    /** To be chosen for this machine; a device that runs has one of the others. */
    AUTO,
    /** Row-major, as in the checkpoint; works everywhere. */
    PLAIN,
    /** oneDNN's blocked layout, reordered once at load. */
    PACKED;

    /** The name used in configuration files. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}

package io.tandem.kernels.source;

import io.tandem.kernels.weights.ModelFiles;
import java.nio.file.Path;

/** Knows the layouts of models. */
public final class ModelSource {
    private ModelSource() {}

    /** @param model a directory in HuggingFace's layout */
    public static ModelFiles open(Path model) {
        return new ModelDirectory(model);
    }
}

package io.tandem.kernels.source;

import io.tandem.kernels.gguf.GgufFiles;
import io.tandem.kernels.weights.ModelFiles;
import java.nio.file.Files;
import java.nio.file.Path;

/** Knows the layouts of models. */
public final class ModelSource {
    private ModelSource() {}

    /**
     * Opens a model; of a GGUF file it reads what comes before the tensors.
     *
     * @param model a directory in HuggingFace's layout, or a GGUF file
     * @throws io.tandem.kernels.weights.ModelFormatException if a file is not GGUF, damaged, or of a kind that is not
     *     supported
     */
    public static ModelFiles open(Path model) {
        return Files.isRegularFile(model) ? GgufFiles.open(model) : new ModelDirectory(model);
    }
}

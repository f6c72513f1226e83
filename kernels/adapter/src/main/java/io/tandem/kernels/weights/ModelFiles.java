package io.tandem.kernels.weights;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What a model consists of, by HuggingFace's names, whether or not there are files of these names. */
public interface ModelFiles {
    /** The directory or file. */
    Path path();

    /** Where the content of a file lies, for messages and its date. */
    Path path(String name);

    /**
     * The content of a JSON or text file, for example {@code tokenizer.json}; empty if there is none.
     *
     * @throws ModelFormatException if it is larger than the limit, or cannot be read
     */
    Optional<byte[]> bytes(String name, int maxBytes);

    /**
     * {@code config.json}, which is read once.
     *
     * @throws ModelFormatException if it is missing or damaged
     */
    JsonFields config();

    /**
     * Opens the weights; reads headers only.
     *
     * @throws ModelFormatException if they are missing, damaged or of a kind that is not supported
     */
    Checkpoint weights();

    /** What tells a model from others besides its weights, as it is stored. */
    List<byte[]> description();

    /** The files that hold the weights, sorted. */
    List<Path> weightFiles();
}

package io.tandem.kernels.adapter;

import io.tandem.kernels.model.ModelConfig;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A matrix {@code [vocabulary, hidden]} of the model that an adapter may have in full, in the place of the model's own: PEFT's
 * {@code modules_to_save}.
 */
public enum FullModule {
    EMBED_TOKENS("model.embed_tokens"),
    LM_HEAD("lm_head");

    private final String path;

    FullModule(String path) {
        this.path = path;
    }

    /** HuggingFace's name, for example {@code model.embed_tokens}. */
    public String path() {
        return path;
    }

    /** Its last part, by which {@code modules_to_save} usually names it. */
    public String label() {
        return path.substring(path.lastIndexOf('.') + 1);
    }

    /** The name of its weight in a model's files, and of the parameter that is trained. */
    public String weight() {
        return path + ".weight";
    }

    /** The module that a model reads it from: the head of a model with tied embeddings is the embedding. */
    public FullModule source(ModelConfig model) {
        return this == LM_HEAD && model.tiedEmbeddings() ? EMBED_TOKENS : this;
    }

    /** @param values {@code [vocabulary, hidden]}, row by row */
    public Parameter parameter(ModelConfig model, float[] values) {
        return new Parameter(weight(), model.vocab(), model.hidden(), values);
    }

    /** Which one has this name, whole or only its last part. */
    public static Optional<FullModule> named(String name) {
        return Arrays.stream(values())
                .filter(module -> module.path.equals(name) || module.label().equals(name))
                .findFirst();
    }

    /** For messages. */
    public static String labels() {
        return labels(Arrays.stream(values()));
    }

    /** For messages. */
    public static String labels(Stream<FullModule> modules) {
        return modules.map(FullModule::label).collect(Collectors.joining(" and "));
    }

    /** Numbers of one, whichever it is. */
    public static long numbers(ModelConfig model) {
        return (long) model.vocab() * model.hidden();
    }
}

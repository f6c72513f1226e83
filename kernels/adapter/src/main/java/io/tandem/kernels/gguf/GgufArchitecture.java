package io.tandem.kernels.gguf;

import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** The values of {@code general.architecture} that can be read, and how their files differ from HuggingFace's. */
enum GgufArchitecture {
    LLAMA("LlamaForCausalLM", "llama", Trait.PERMUTED),
    QWEN2("Qwen2ForCausalLM", "qwen2"),
    QWEN3("Qwen3ForCausalLM", "qwen3"),
    QWEN3MOE("Qwen3MoeForCausalLM", "qwen3_moe"),
    GEMMA2("Gemma2ForCausalLM", "gemma2", Trait.NORMS_PLUS_ONE, Trait.NORMS_BEHIND),
    GEMMA3("Gemma3ForCausalLM", "gemma3_text", Trait.NORMS_PLUS_ONE, Trait.NORMS_BEHIND),
    PHI3("Phi3ForCausalLM", "phi3", Trait.GATE_IN_UP);

    /** What is stored in another way. */
    enum Trait {
        /** Rows of queries and keys, so that neighbouring channels are rotated. */
        PERMUTED,
        /** One is added to the weights of norms. */
        NORMS_PLUS_ONE,
        /** There are norms behind attention and MLP, too. */
        NORMS_BEHIND,
        /** Gate and up are one tensor, called up. */
        GATE_IN_UP
    }

    private static final String KEY = "general.architecture";

    private final String huggingFace;
    private final String modelType;

    @SuppressWarnings("ImmutableEnumChecker") // Set.of makes it.
    private final Set<Trait> traits;

    GgufArchitecture(String huggingFace, String modelType, Trait... traits) {
        this.huggingFace = huggingFace;
        this.modelType = modelType;
        this.traits = Set.of(traits);
    }

    static GgufArchitecture of(Metadata metadata) {
        String name = metadata.text(KEY).orElse("");
        return Arrays.stream(values())
                .filter(one -> one.label().equals(name))
                .findFirst()
                .orElseThrow(() -> metadata.refuse(
                        KEY,
                        "one of "
                                + Arrays.stream(values())
                                        .map(GgufArchitecture::label)
                                        .collect(Collectors.joining(", "))
                                + " (docs/models.md)"));
    }

    /** The name in the file, with which the keys of its sizes begin. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The class in transformers. */
    String huggingFace() {
        return huggingFace;
    }

    String modelType() {
        return modelType;
    }

    boolean has(Trait trait) {
        return traits.contains(trait);
    }
}

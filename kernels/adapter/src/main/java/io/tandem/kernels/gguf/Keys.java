package io.tandem.kernels.gguf;

import io.tandem.kernels.weights.ModelFormatException;
import java.util.Optional;
import java.util.OptionalDouble;

/** The keys that begin with the architecture's name. */
record Keys(Metadata metadata, GgufArchitecture architecture) {
    /** @throws ModelFormatException if it is absent or no count */
    int integer(String key) {
        return metadata.integer(full(key)).orElseThrow(() -> refuse(key, "an integer"));
    }

    int integer(String key, int absent) {
        return metadata.integer(full(key)).orElse(absent);
    }

    OptionalDouble number(String key) {
        return metadata.number(full(key));
    }

    Optional<String> text(String key) {
        return metadata.text(full(key));
    }

    boolean has(String key) {
        return metadata.has(full(key));
    }

    ModelFormatException refuse(String key, String expected) {
        return metadata.refuse(full(key), expected);
    }

    private String full(String key) {
        return architecture.label() + "." + key;
    }
}

package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class MistralFamilyTest extends FamilyProof {
    private static final int WINDOW = 6;

    MistralFamilyTest() {
        super("MistralForCausalLM", "mistral", mistral -> mistral.window = layer -> WINDOW);
        config.put("sliding_window", WINDOW);
        config.put("rope_theta", 10_000);
    }

    @Test
    void theContextDoesNotEndAtTheWindow() throws IOException {
        assertThat(write().maxPositions()).isEqualTo(512);
    }
}

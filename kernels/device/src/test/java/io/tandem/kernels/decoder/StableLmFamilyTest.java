package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.reference.FamilyReference;
import org.junit.jupiter.api.Test;

/** Two of the eight channels of a head are turned. */
class StableLmFamilyTest extends FamilyProof {
    StableLmFamilyTest() {
        super("StableLmForCausalLM", "stablelm", stable -> {
            stable.layerNorm = true;
            stable.qkvBias = true;
            stable.frequencies = layer -> FamilyReference.plain(10_000, 2);
        });
        config.remove("rms_norm_eps");
        config.put("layer_norm_eps", reference.epsilon);
        config.put("use_qkv_bias", true);
    }

    @Test
    void theLargerModelIsRefused() {
        config.put("use_parallel_residual", true);
        assertThatThrownBy(this::write).hasMessageContaining("use_parallel_residual is true, expected false");
    }
}

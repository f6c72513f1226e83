package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.reference.FamilyReference;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** As Phi 4 mini: fused linears, three quarters of a head turned, frequencies for long contexts, a window. */
class Phi3FamilyTest extends FamilyProof {
    private static final int WINDOW = 33;
    private static final List<Double> SHORT = List.of(1.0, 1.1, 1.3);
    private static final List<Double> LONG = List.of(1.5, 2.0, 4.0);

    Phi3FamilyTest() {
        super("Phi3ForCausalLM", "phi3", phi -> {
            phi.tied = true;
            phi.fused = true;
            phi.window = layer -> WINDOW;
            double[] frequencies = FamilyReference.plain(10_000, 6);
            for (int j = 0; j < frequencies.length; j++) {
                frequencies[j] /= LONG.get(j);
            }
            phi.frequencies = layer -> frequencies;
            // The contexts of these tests have 96 tokens, which is more than 64.
            phi.stretch = Math.sqrt(1 + Math.log(8) / Math.log(64));
        });
        config.put("sliding_window", WINDOW);
        config.put("partial_rotary_factor", 0.75);
        config.put("original_max_position_embeddings", 64);
        config.put("rope_scaling", Map.of("type", "longrope", "short_factor", SHORT, "long_factor", LONG));
    }

    @Test
    void olderNamesOfTheScaling() throws IOException {
        ModelConfig model = write();
        for (String name : List.of("su", "yarn")) {
            config.put("rope_scaling", Map.of("type", name, "short_factor", SHORT, "long_factor", LONG));
            assertThat(write()).isEqualTo(model);
        }
    }

    @Test
    void adaptersChangeTheFusedLinears() throws IOException {
        assertThat(write().modules())
                .extracting(TargetModule::label)
                .containsExactly("qkv_proj", "o_proj", "gate_up_proj", "down_proj");
    }
}

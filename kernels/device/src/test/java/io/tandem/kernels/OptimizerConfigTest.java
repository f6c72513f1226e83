package io.tandem.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.OptimizerConfig.Method;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptimizerConfigTest {
    @Test
    void constantsAreThePublishedOnes() {
        assertThat(OptimizerConfig.DEFAULT).isEqualTo(new OptimizerConfig(Method.ADAMW, 0.9, 0.999, 1e-8, 0, 1, 1));
        assertThat(OptimizerConfig.of(Method.LION).beta2()).isEqualTo(0.99);
    }

    @ParameterizedTest
    @CsvSource({
        "beta1, 1, 0.9, 1e-8, 0, 1, 1",
        "beta1, -0.1, 0.9, 1e-8, 0, 1, 1",
        "beta1, NaN, 0.9, 1e-8, 0, 1, 1",
        "beta2, 0.9, 1, 1e-8, 0, 1, 1",
        "epsilon, 0.9, 0.9, 0, 0, 1, 1",
        "epsilon, 0.9, 0.9, Infinity, 0, 1, 1",
        "weight decay, 0.9, 0.9, 1e-8, -1, 1, 1",
        "weight decay, 0.9, 0.9, 1e-8, NaN, 1, 1",
        "max gradient norm, 0.9, 0.9, 1e-8, 0, -1, 1",
        "LoRA+ ratio, 0.9, 0.9, 1e-8, 0, 1, 0",
        "LoRA+ ratio, 0.9, 0.9, 1e-8, 0, 1, Infinity",
    })
    void whatMakesNoSenseIsRefusedByName(
            String name, double beta1, double beta2, double epsilon, double decay, double norm, double ratio) {
        assertThatThrownBy(() -> new OptimizerConfig(Method.ADAMW, beta1, beta2, epsilon, decay, norm, ratio))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the optimizer's " + name + " is ");
    }
}

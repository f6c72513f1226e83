package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.KernelException;
import org.junit.jupiter.api.Test;

/** Builds of libtorch differ in their operators: that for macOS has none of oneDNN's. */
class MissingOperatorTest {
    private static final String CLASS = "__torch__.reference.calls_operator.Calls";
    private static final String CALLS = "__torch__/reference/calls_operator.py";

    @Test
    void aMissingOperatorBreaksOnlyTheCallsThatNeedIt() {
        try (TestScript script = new TestScript(CLASS, "__torch__/reference/operator.py", CALLS)) {
            assertThat(call(script, "negative")).containsExactly(-3);
            assertThatThrownBy(() -> call(script, "double"))
                    .isInstanceOf(KernelException.class)
                    .hasMessageContaining("there is no such operator");
        }
    }

    @Test
    void withoutAStandInTheOperatorIsNamed() {
        assertThatThrownBy(() -> new TestScript(CLASS, CALLS))
                .isInstanceOf(KernelException.class)
                .hasMessageContaining("reference.operator");
    }

    private static float[] call(TestScript script, String method) {
        return script.floats(method, scope -> new IValue[] {scope.value(scope.tensor(new float[] {3}, 1))});
    }
}

package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.pytorch.jni.IValue;
import io.tandem.kernels.KernelException;
import io.tandem.kernels.torchscript.ScriptModule;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Builds of libtorch differ in their operators: that for macOS has none of oneDNN's. */
class MissingOperatorTest {
    private static final String CLASS = "__torch__.reference.calls_operator.Calls";
    private static final String PACKED = "__torch__/tandem/ops/weight/packed.py";
    private static final String PACKED_ABSENT = "__torch__/tandem/ops/weight/packed_absent.py";
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

    /** oneDNN's operators are named in one file, which has a stand-in. */
    @Test
    void theDecoderCompilesWithoutOneDnn() {
        Map<String, String> sources = DecoderScript.sources();
        sources.put(PACKED, ScriptModule.read(List.of(PACKED_ABSENT)).get(PACKED_ABSENT));
        assertThat(sources.values()).noneMatch(text -> text.contains("mkldnn"));
        assertThat(new DecoderScript("cpu", sources).device()).isEqualTo("cpu");
    }

    private static float[] call(TestScript script, String method) {
        return script.floats(method, scope -> new IValue[] {scope.value(scope.tensor(new float[] {3}, 1))});
    }
}

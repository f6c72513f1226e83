package io.tandem.kernels.adapter.peft;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.AdapterFormatException;
import io.tandem.kernels.adapter.compeft.CompeftFormat;
import io.tandem.kernels.adapter.compeft.CompressionSettings;
import io.tandem.kernels.adapter.merge.Merge;
import io.tandem.kernels.adapter.merge.MergeMethod;
import io.tandem.kernels.adapter.merge.MergeSpec;
import io.tandem.kernels.model.ModelConfig;
import java.nio.file.Path;
import java.util.List;

/** What is told of adapters of all forms that cannot be had or used. */
final class Refusals {
    private Refusals() {}

    static void ofReading(Path path, ModelConfig model, String why) {
        assertThatThrownBy(() -> PeftFormat.read(path, model, 8))
                .isInstanceOf(AdapterFormatException.class)
                .hasMessageContaining(why);
    }

    static void ofMergingAndCompressing(Adapter adapter, Path directory, String why) {
        assertThatThrownBy(() -> Merge.of(MergeSpec.of(MergeMethod.LINEAR)).apply(List.of(adapter)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why);
        Path file = directory.resolve("a.compeft");
        assertThatThrownBy(() -> CompeftFormat.write(file, adapter, CompressionSettings.of(0.1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why);
    }
}

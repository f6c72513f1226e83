package io.tandem.loadtest.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RandomAdaptersTest {
    private final ModelConfig model = ModelConfig.llama(2, 64, 4, 2, 16, 96, 300)
            .maxPositions(128)
            .tied(true)
            .build();
    private final RandomAdapters adapters = new RandomAdapters(model);

    @TempDir
    private Path directory;

    @Test
    void aServerReadsThem() throws IOException {
        for (String name : RandomAdapters.names()) {
            Adapter adapter = adapters.of(name, 1);
            adapter.requireFinite(Dtype.BFLOAT16);
            PeftFormat.write(directory, adapter, model);
            assertThat(PeftFormat.read(directory, model, 64).parameters())
                    .as(name)
                    .isEqualTo(adapter.parameters())
                    .isPositive();
        }
    }

    @Test
    void eachIsAnother() {
        for (String name : RandomAdapters.names()) {
            assertThat(adapters.of(name, 1))
                    .as(name)
                    .usingRecursiveComparison()
                    .isEqualTo(adapters.of(name, 1))
                    .isNotEqualTo(adapters.of(name, 2));
        }
    }

    @Test
    void theirNamesAreThoseOfMethods() throws IOException {
        assertThat(Method.named(RandomAdapters.names())).hasSameSizeAs(RandomAdapters.names());
        assertThatThrownBy(() -> adapters.of("pissa", 1))
                .hasMessageStartingWith("there are no random adapters of pissa, only of lora, ");
    }
}

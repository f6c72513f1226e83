package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyModel;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever is told how far a model has been read can end its loading. */
class LoadCancelledTest {
    @TempDir
    private Path directory;

    @Test
    void noMoreIsReadOnceItIsCancelled() throws Exception {
        TinyModel.of(TinyModel.Variant.LLAMA, 1).write(directory);
        AtomicInteger calls = new AtomicInteger();
        LoadProgress cancel = (read, total) -> {
            if (calls.incrementAndGet() == 3) {
                throw new CancellationException("stopped");
            }
        };
        assertThatThrownBy(() -> TorchScriptDecoder.load(
                        ModelSource.open(directory), Devices.limits(Dtype.FLOAT32, 128, Stash.KEEP), cancel))
                .isInstanceOf(CancellationException.class)
                .hasMessage("stopped");
        assertThat(calls).hasValue(3);
    }
}

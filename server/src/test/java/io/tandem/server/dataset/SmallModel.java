package io.tandem.server.dataset;

import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.text.ModelText;
import io.tandem.server.text.ServedModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads training files for a model whose tokens are bytes, with a limit of 100 tokens. */
record SmallModel(ServedModel served) {
    static final int MAX_TOKENS = 100;

    static SmallModel write(Path directory) throws IOException {
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
        tiny.write(directory);
        return new SmallModel(ModelText.load(directory, "tiny", tiny.config(), 512));
    }

    Dataset.Supervised supervised(String file) throws IOException {
        return (Dataset.Supervised) read(file);
    }

    Dataset.Preferences preferences(String file) throws IOException {
        return (Dataset.Preferences) read(file);
    }

    InvalidDataset invalid(String file) throws IOException {
        return (InvalidDataset) read(file);
    }

    DatasetReader.Result truncated(String file) throws IOException {
        return new DatasetReader(served, MAX_TOKENS, true).read(bytes(file));
    }

    DatasetReader.Result read(String file) throws IOException {
        return new DatasetReader(served, MAX_TOKENS, false).read(bytes(file));
    }

    private static ByteArrayInputStream bytes(String file) {
        return new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8));
    }
}

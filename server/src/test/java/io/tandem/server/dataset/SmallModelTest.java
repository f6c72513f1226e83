package io.tandem.server.dataset;

import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.text.ModelText;
import io.tandem.server.text.ServedModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Reads training files for a model whose tokens are bytes, with a limit of 100 tokens. */
abstract class SmallModelTest {
    static final String GOOD = "{\"prompt\":\"ab\",\"completion\":\"cd\"}";
    static final String PAIR = "{\"input\":{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]},"
            + "\"preferred_output\":[{\"role\":\"assistant\",\"content\":\"yes\"}],"
            + "\"non_preferred_output\":[{\"role\":\"assistant\",\"content\":\"no\"}]}";

    @TempDir
    Path directory;

    ServedModel model;

    @BeforeEach
    void load() throws IOException {
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
        tiny.write(directory);
        model = ModelText.load(ModelSource.open(directory), "tiny", tiny.config(), 512);
    }

    /** Takes over changes of the files in the model's directory. */
    void loadAgain() {
        model = ModelText.load(ModelSource.open(directory), "tiny", model.shape(), 512);
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
        return new DatasetReader(model, 100, new TextRules(true, false), Set.of()).read(bytes(file));
    }

    DatasetReader.Result read(String file) throws IOException {
        return new DatasetReader(model, 100, TextRules.DEFAULT, Set.of()).read(bytes(file));
    }

    /** Where there are controls to choose from. */
    DatasetReader.Result controlled(String file, String... controls) throws IOException {
        return new DatasetReader(model, 100, TextRules.DEFAULT, Set.of(controls)).read(bytes(file));
    }

    static ByteArrayInputStream bytes(String file) {
        return new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8));
    }
}

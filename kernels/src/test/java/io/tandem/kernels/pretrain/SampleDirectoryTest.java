package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class SampleDirectoryTest {
    private static final Path SAMPLE = Path.of("..", "config", "models", "sample");
    private static final long MAX_BYTES = 16_000_000;

    @Test
    void isCompleteAndSmall() throws IOException {
        long bytes = 0;
        for (String file : List.of(
                "config.json",
                "model.safetensors",
                "tokenizer.json",
                "tokenizer_config.json",
                "generation_config.json",
                "README.md")) {
            assertThat(SAMPLE.resolve(file)).isNotEmptyFile();
            bytes += Files.size(SAMPLE.resolve(file));
        }
        assertThat(bytes).isLessThanOrEqualTo(MAX_BYTES);
    }

    @Test
    void tokenizerIsTheOneThatTrainingUsed() throws IOException {
        BpeTokenizer tokenizer = SampleModelReader.read(SAMPLE).tokenizer();
        Corpus corpus = new Corpus(Words.load());
        Draw draw = new Draw(11);
        try (HuggingFaceTokenizer reference = HuggingFaceTokenizer.newInstance(SAMPLE.resolve("tokenizer.json"))) {
            for (int i = 0; i < 100; i++) {
                String text = corpus.document(draw);
                long[] expected = reference.encode(text, false, false).getIds();
                assertThat(tokenizer.encode(text)).as(text).hasSameSizeAs(expected);
            }
        }
    }

    @Test
    void answersSimpleQuestions() throws IOException {
        SampleModelReader read = SampleModelReader.read(SAMPLE);
        try (SampleModel model = new SampleModel(read.shape(), SampleModel.frozen(read.weights()))) {
            List<String> answers = new Evaluation(model, read.tokenizer())
                    .complete(
                            List.of(
                                    Corpus.prompt("What colour is a lemon?"),
                                    Corpus.prompt("What is the opposite of hot?"),
                                    Corpus.prompt("What is 2 plus 3?")),
                            8);
            assertThat(answers).containsExactly("yellow", "cold", "5");
        }
    }
}

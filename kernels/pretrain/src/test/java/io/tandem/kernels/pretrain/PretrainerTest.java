package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PretrainerTest {
    private static final Shape TINY = new Shape(2, 32, 4, 2, 8, 48, 320);

    @Test
    void aShortRunReducesTheLossAndWritesAModelThatReadsBack(@TempDir Path out) throws IOException {
        PretrainSettings settings = new PretrainSettings(out, 40, 1, TINY, 8, 32, 1e-2, 300, Optional.empty());
        double loss = new Pretrainer(
                        settings, new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8))
                .run();
        assertThat(loss).isLessThan(0.8 * Math.log(TINY.vocab()));
        assertThat(out).isDirectoryNotContaining("glob:**checkpoint*");
        SampleModelReader read = SampleModelReader.read(out);
        assertThat(read.shape()).isEqualTo(TINY);
        assertThat(read.tokenizer().size()).isEqualTo(TINY.vocab());
        assertThat(Files.size(out.resolve("model.safetensors"))).isGreaterThan(2L * TINY.parameters());
    }

    @Test
    void aModelThatKnowsEnglishGoesOnWithItsTokenizerAndItsWeights(@TempDir Path directory) throws IOException {
        PrintStream quiet = new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
        Path english = directory.resolve("english");
        new Pretrainer(new PretrainSettings(english, 4, 1, TINY, 4, 32, 1e-2, 300, Optional.empty()), quiet).run();
        Path both = directory.resolve("both");
        double rate = 1e-4;
        new Pretrainer(new PretrainSettings(both, 1, 1, TINY, 4, 32, rate, 300, Optional.of(english)), quiet).run();
        SampleModelReader before = SampleModelReader.read(english);
        SampleModelReader after = SampleModelReader.read(both);
        assertThat(after.tokenizer().encode("Once upon a time"))
                .isEqualTo(before.tokenizer().encode("Once upon a time"));
        assertThat(after.weights()).isNotEqualTo(before.weights());
        for (int i = 0; i < after.weights().length; i++) {
            // A step of AdamW is as long as the rate; both files are rounded to bfloat16.
            assertThat(Math.abs(after.weights()[i] - before.weights()[i]))
                    .isLessThan((float) (2 * rate + Math.abs(before.weights()[i]) / 128));
        }
    }

    @Test
    void aResumedRunEndsWithTheWeightsOfAnUnbrokenOne(@TempDir Path directory) throws IOException {
        Corpus corpus = new Corpus(Words.load());
        BpeTrainer trainer = new BpeTrainer();
        Draw draw = new Draw(1);
        for (int i = 0; i < 300; i++) {
            trainer.read(corpus.document(draw));
        }
        Batches batches = new Batches(corpus, trainer.train(TINY.vocab()), 7);
        SampleModel.State whole = steps(SampleModel.initial(TINY, 1), batches, 1, 4);
        SampleModel.State half = steps(SampleModel.initial(TINY, 1), batches, 1, 2);
        new Checkpoint(2, 0, half).write(directory);
        Checkpoint read = Checkpoint.read(directory, TINY).orElseThrow();
        float[] resumed = steps(read.state(), batches, read.step() + 1, 4).weights();
        double difference = 0;
        for (int i = 0; i < resumed.length; i++) {
            difference += Math.abs(resumed[i] - whole.weights()[i]) / resumed.length;
        }
        // bf16 sums depend on how libtorch specialized the graph so far; lost moments would cost a whole step of 1e-3.
        assertThat(difference).isLessThan(2e-5);
    }

    private static SampleModel.State steps(SampleModel.State state, Batches batches, int from, int to) {
        try (SampleModel model = new SampleModel(TINY, state)) {
            for (int step = from; step <= to; step++) {
                model.train(batches.batch(step, new Batches.Size(4, 32)), 4, 1e-3, step);
            }
            return model.state();
        }
    }
}

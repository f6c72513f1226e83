package io.tandem.kernels.pretrain;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The training loop: batch, optimizer step, progress line, and a checkpoint with an export every few minutes. */
final class Pretrainer {
    private static final int REPORT_EVERY = 25;
    private static final long CHECKPOINT_NANOS = 180_000_000_000L;

    private final PretrainSettings settings;
    private final PrintStream progress;

    Pretrainer(PretrainSettings settings, PrintStream progress) {
        this.settings = settings;
        this.progress = progress;
    }

    /** Trains to the end, from the checkpoint if there is one. Returns the loss of the last report. */
    double run() throws IOException {
        Files.createDirectories(settings.out());
        Optional<SampleModelReader> english = english();
        Words words = Words.load();
        Corpus corpus = english.isPresent() ? Corpus.bilingual(words) : new Corpus(words);
        BpeTokenizer tokenizer = english.map(SampleModelReader::tokenizer).orElseGet(() -> tokenizer(corpus));
        Optional<Checkpoint> begun = Checkpoint.read(settings.out(), settings.shape());
        SampleModel.State state = begun.map(Checkpoint::state)
                .or(() -> english.map(model -> SampleModel.fresh(model.weights())))
                .orElseGet(() -> SampleModel.initial(settings.shape(), settings.seed()));
        try (SampleModel model = new SampleModel(settings.shape(), state)) {
            Batches batches = new Batches(corpus, tokenizer, settings.seed());
            double loss = loop(
                    model,
                    tokenizer,
                    batches,
                    begun.map(Checkpoint::step).orElse(0),
                    begun.map(Checkpoint::seconds).orElse(0L));
            Checkpoint.delete(settings.out());
            return loss;
        }
    }

    private Optional<SampleModelReader> english() throws IOException {
        if (settings.english().isEmpty()) {
            return Optional.empty();
        }
        Path directory = settings.english().get();
        SampleModelReader read = SampleModelReader.read(directory);
        if (!read.shape().equals(settings.shape())) {
            throw new IOException(directory + " has the shape " + read.shape() + ", expected " + settings.shape());
        }
        return Optional.of(read);
    }

    private BpeTokenizer tokenizer(Corpus corpus) {
        progress.println("learning the tokenizer from " + settings.tokenizerDocuments() + " documents");
        BpeTrainer trainer = new BpeTrainer();
        Draw draw = new Draw(settings.seed());
        for (int i = 0; i < settings.tokenizerDocuments(); i++) {
            trainer.read(corpus.document(draw));
        }
        return trainer.train(settings.shape().vocab());
    }

    private double loop(SampleModel model, BpeTokenizer tokenizer, Batches batches, int done, long secondsBefore)
            throws IOException {
        long start = System.nanoTime();
        long saved = start;
        long tokens = 0;
        long reported = start;
        double sum = 0;
        int summed = 0;
        double loss = Double.NaN;
        for (int step = done + 1; step <= settings.steps(); step++) {
            Batches.Size size = settings.size(step);
            sum += model.train(batches.batch(step, size), size.rows(), settings.rate(step), step)
                    .loss();
            summed++;
            tokens += (long) size.rows() * size.length();
            long now = System.nanoTime();
            boolean last = step == settings.steps();
            if (step % REPORT_EVERY == 0 || last) {
                loss = sum / summed;
                double rate = tokens * 1e9 / (now - reported);
                double left = (now - start) / 1e9 / (step - done) * (settings.steps() - step);
                progress.printf(
                        "step %d/%d  loss %.4f  %.0f tokens/s  %.0f min left%n",
                        step, settings.steps(), loss, rate, left / 60);
                sum = 0;
                summed = 0;
                tokens = 0;
                reported = now;
            }
            if (now - saved > CHECKPOINT_NANOS || last) {
                SampleModel.State state = model.state();
                long seconds = secondsBefore + (now - start) / 1_000_000_000L;
                new Checkpoint(step, seconds, state).write(settings.out());
                new SampleModelWriter(settings.out()).write(settings.shape(), state.weights(), tokenizer);
                saved = now;
            }
        }
        progress.printf("trained for %d s%n", secondsBefore + (System.nanoTime() - start) / 1_000_000_000L);
        return loss;
    }
}

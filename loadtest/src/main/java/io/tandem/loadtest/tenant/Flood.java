package io.tandem.loadtest.tenant;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.loadtest.ApiClient;
import io.tandem.loadtest.StatusException;
import io.tandem.loadtest.TrainingJob;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * A tenant that asks for all that it can get, in the ways of a {@link Kind}, until it is closed. What it is refused it asks
 * for again.
 */
final class Flood implements AutoCloseable {
    private static final String SENTENCE = " One day the fox walked to the forest.";
    /** About 500 tokens. */
    private static final int PROMPT_SENTENCES = 50;

    private static final int ANSWER_TOKENS = 300;
    private static final int UPLOADERS = 2;
    private static final int UPLOADED_COPIES = 100;
    private static final int JOBS = 6;
    /** Until it asks again, at least; half as much again at most, so that clients do not come together. */
    private static final int REFUSED_MILLIS = 1_000;

    private static final Path EXAMPLES = Path.of("config/tour/json.train.jsonl");

    private final ApiClient client;
    private final String model;
    private final AtomicLong asked = new AtomicLong();
    private final LongAdder tokens = new LongAdder();
    private final LongAdder uploads = new LongAdder();
    private final List<TrainingJob> jobs = new ArrayList<>();
    private final ExecutorService uploaders = Executors.newFixedThreadPool(UPLOADERS);
    private Optional<Path> file = Optional.empty();
    private volatile boolean closed;

    /**
     * What it asks for.
     *
     * @param streams of answers at once, with long prompts
     * @param files whether it uploads one after the other
     * @param jobs whether it has fine-tuning jobs, more than train at once
     */
    record Kind(int streams, boolean files, boolean jobs) {}

    private Flood(ApiClient client, String model) {
        this.client = client;
        this.model = model;
    }

    /** @param client that nobody else uses: its streams are broken off in the end */
    static Flood start(ApiClient client, String model, Kind kind) throws IOException, InterruptedException {
        Flood flood = new Flood(client, model);
        if (kind.jobs()) {
            flood.train();
        }
        if (kind.files()) {
            flood.upload();
        }
        for (int i = 0; i < kind.streams(); i++) {
            flood.ask();
        }
        return flood;
    }

    /** Of answers so far. */
    long tokens() {
        return tokens.sum();
    }

    /** Files so far. */
    long uploads() {
        return uploads.sum();
    }

    private void ask() {
        if (closed) {
            return;
        }
        String prompt = asked.getAndIncrement() + SENTENCE.repeat(PROMPT_SENTENCES);
        client.open(model, prompt, ANSWER_TOKENS, now -> tokens.increment()).onComplete(answer -> {
            CompletableFuture.delayedExecutor(answer.failed() ? patience() : 0, TimeUnit.MILLISECONDS)
                    .execute(this::ask);
        });
    }

    private static long patience() {
        return ThreadLocalRandom.current().nextInt(REFUSED_MILLIS, REFUSED_MILLIS * 3 / 2);
    }

    private void train() throws IOException, InterruptedException {
        ObjectNode body = ApiClient.JSON.createObjectNode();
        body.put("model", model).put("training_file", client.upload(EXAMPLES)).put("seed", 1);
        body.putObject("hyperparameters").put("n_epochs", 50);
        for (int i = 0; i < JOBS; i++) {
            jobs.add(TrainingJob.start(client, body));
        }
    }

    private void upload() throws IOException {
        // Made once, as what the client computes the server lacks.
        Path copies = Files.createTempFile("tandem-flood", ".jsonl");
        file = Optional.of(copies);
        Files.writeString(copies, Files.readString(EXAMPLES).repeat(UPLOADED_COPIES));
        for (int i = 0; i < UPLOADERS; i++) {
            uploaders.execute(() -> {
                while (!closed) {
                    uploadOne(copies);
                }
            });
        }
    }

    private void uploadOne(Path copies) {
        try {
            String id = client.upload(copies);
            uploads.increment();
            client.delete("/v1/files/" + id);
        } catch (StatusException e) {
            pause();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(patience());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Leaves, and has nothing under way any more. */
    @Override
    public void close() throws IOException {
        closed = true;
        client.leave();
        uploaders.shutdown();
        try {
            uploaders.awaitTermination(1, TimeUnit.MINUTES);
            if (file.isPresent()) {
                Files.delete(file.get());
            }
            for (TrainingJob job : jobs) {
                job.cancel();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

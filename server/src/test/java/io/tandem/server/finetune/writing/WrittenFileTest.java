package io.tandem.server.finetune.writing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.ByteTokenizer;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.Rejection;
import io.tandem.scheduler.TokenSource;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.InferenceRequest;
import io.tandem.scheduler.inference.TokenSink;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.dataset.Dataset;
import io.tandem.server.dataset.DatasetReader;
import io.tandem.server.dataset.TextRules;
import io.tandem.server.finetune.data.JobReaders;
import io.tandem.server.finetune.distill.Distillation.Hardness;
import io.tandem.server.finetune.distill.Distillation.Wanted;
import io.tandem.server.finetune.distill.DistilledFile;
import io.tandem.server.finetune.distill.DistilledFile.Written;
import io.tandem.server.storage.JobStore;
import io.tandem.server.storage.document.UnreachableException;
import io.tandem.server.text.ModelText;
import io.tandem.server.text.ServedModel;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Against an engine that answers at once: users say one of five letters, by their seed, and assistants its double. */
@Timeout(60)
class WrittenFileTest {
    private static final TinyModel TINY = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
    private static final String CHAT =
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"aa\"}]}\n";
    private static final long SEED = 7;

    @TempDir
    private Path directory;

    private ServedModel model;
    private AdapterVersion learned;
    private final Engine engine = new Engine();
    private final Kept kept = new Kept();
    private int atOnce = 8;

    @BeforeEach
    void load() throws IOException {
        TINY.write(directory.resolve("model"));
        model = ModelText.load(ModelSource.open(directory.resolve("model")), "tiny", TINY.config(), 512);
        var adapter = TinyAdapters.random(TINY.config(), LoraConfig.allLinears(), 4, 1);
        learned = new AdapterVersion("a", ContentHash.of(adapter), new PreparedAdapter(adapter, new TreeMap<>()));
    }

    /** What a job has kept. */
    private final class Kept implements WrittenFile.Job {
        private final List<String> lines = new ArrayList<>();
        private final List<String> said = new ArrayList<>();
        /** After so many lines, once. */
        private int away = -1;

        @Override
        public InputStream training() {
            return new ByteArrayInputStream(CHAT.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public List<String> written() {
            return List.copyOf(lines);
        }

        @Override
        public void append(String line) throws IOException {
            if (lines.size() == away) {
                away = -1;
                throw new UnreachableException("the store is away", new IOException());
            }
            lines.add(line);
        }

        @Override
        public void say(String message) {
            said.add(message);
        }

        @Override
        public Path write(String name, JobStore.Content content) throws IOException {
            Path file = directory.resolve(name);
            try (Writer out = Files.newBufferedWriter(file)) {
                content.write(out);
            }
            return file;
        }
    }

    /** The letter {@code e} comes to no end. */
    private static final class Engine implements TokenSource {
        private final List<InferenceRequest> asked = new ArrayList<>();
        private final List<Long> cancelled = new ArrayList<>();
        /** Answers to questions that are open. */
        private final List<Runnable> held = new ArrayList<>();

        private int most;
        private boolean holding;
        private int refusals;
        private int failures;
        private int until = Integer.MAX_VALUE;

        @Override
        public Optional<Rejection> submit(List<Submission> answers) {
            if (refusals > 0) {
                refusals--;
                throw ApiException.tooMany("later");
            }
            InferenceRequest request = answers.get(0).request();
            TokenSink sink = answers.get(0).sink();
            asked.add(request);
            if (holding) {
                hold(request, sink);
            } else if (asked.size() > until) {
                finish(sink, FinishReason.SHUT_DOWN);
            } else if (failures > 0) {
                failures--;
                finish(sink, FinishReason.FAILED);
            } else {
                answer(request, sink);
            }
            return Optional.empty();
        }

        /** Answers all when nothing more comes, which is when the thread that asks waits; the last question first. */
        private synchronized void hold(InferenceRequest request, TokenSink sink) {
            held.add(() -> answer(request, sink));
            most = Math.max(most, held.size());
            if (held.size() == 1) {
                Thread asking = Thread.currentThread();
                CompletableFuture.runAsync(() -> answerAll(asking));
            }
        }

        private void answerAll(Thread asking) {
            while (asking.getState() != Thread.State.WAITING) {
                LockSupport.parkNanos(100_000);
            }
            // Whoever asks more meanwhile has to wait until all have their answers.
            synchronized (this) {
                Collections.reverse(held);
                held.forEach(Runnable::run);
                held.clear();
            }
        }

        private static void answer(InferenceRequest request, TokenSink sink) {
            if (request.options().promptLogprobs() == 0) {
                // Before it learned, all tokens are less likely.
                float logprob = request.adapters().isEmpty() ? -2 : -1;
                for (int t = 1; t < request.prompt().length; t++) {
                    sink.promptToken(new Draw(request.prompt()[t], logprob, new int[0], new float[0]));
                }
                finish(sink, FinishReason.LENGTH);
                return;
            }
            assertThat(request.stop().tokens()).contains(ByteTokenizer.END_OF_MESSAGE);
            int[] prompt = request.prompt();
            boolean user = request.sampling().temperature() > 0;
            int letter = user
                    ? 'a' + (int) Math.floorMod(request.sampling().seed(), 5L)
                    : prompt[prompt.length - "<\nassistant\n".length() - 2];
            for (int i = 0; i < (user ? 1 : 2); i++) {
                sink.token(new Draw(letter, 0, new int[0], new float[0]));
            }
            finish(sink, user && letter == 'e' ? FinishReason.LENGTH : FinishReason.STOP);
        }

        private static void finish(TokenSink sink, FinishReason reason) {
            sink.finish(new TokenSink.Finish(reason, 1, 0, 1, "the engine ends", TokenSink.Course.NONE));
        }

        @Override
        public void cancel(long requestId) {
            cancelled.add(requestId);
        }
    }

    private DistilledFile write(int examples) throws IOException {
        return write(examples, DatasetReader.MAX_TOKENS);
    }

    private DistilledFile write(int examples, long mostTokens) throws IOException {
        WrittenFile.Task task =
                new WrittenFile.Task(new Wanted(examples, 1, 0.5, Hardness.AT_THE_END), SEED, 100, mostTokens);
        Author author = new Author(model, List.of(), learned, "somebody");
        WritingSource source = new WritingSource(engine, () -> atOnce, new AtomicLong());
        return WrittenFile.write(task, author, kept, source);
    }

    @Test
    void onlyNewChatsAreChosenOf() throws IOException {
        DistilledFile file = write(10);
        Written written = file.written().orElseThrow();
        assertThat(written.begun()).isEqualTo(40);
        // Forty draws of five letters have each of them.
        assertThat(written.unfinished()).isPositive();
        assertThat(written.verbatim()).isPositive();
        assertThat(written.usable()).isEqualTo(3).isEqualTo(file.of()).isEqualTo(file.kept());
        assertThat(Files.readAllLines(file.examples())).containsExactlyInAnyOrder(chat('b'), chat('c'), chat('d'));
        assertThat(Files.readAllLines(file.table()).get(1)).endsWith("2.0,1.0");
        assertThat(kept.said).contains("20 of 40 examples are written.");
        assertThat(engine.asked).allMatch(request -> request.caller().equals("somebody"));
    }

    /** The template does not take one of the answers, which is found out only when it has been written. */
    @Test
    void whatCannotBeLearnedIsLeftOut() throws IOException {
        Path config = directory.resolve("model/tokenizer_config.json");
        ObjectNode changed = (ObjectNode) JsonBody.MAPPER.readTree(Files.readString(config));
        String template = changed.path("chat_template").asText();
        changed.put(
                "chat_template",
                "{% if messages[-1].content == 'cc' %}{{ raise_exception('not this one') }}{% endif %}" + template);
        Files.writeString(config, changed.toString());
        model = ModelText.load(ModelSource.open(directory.resolve("model")), "tiny", TINY.config(), 512);
        DistilledFile file = write(10);
        assertThat(Files.readAllLines(file.examples())).containsExactlyInAnyOrder(chat('b'), chat('d'));
        long bad = kept.lines.stream()
                .filter(line -> !line.contains("messages") || line.contains("\"cc\""))
                .count();
        assertThat(kept.lines).anyMatch(line -> line.contains("\"cc\""));
        assertThat(file.written().orElseThrow().unfinished()).isEqualTo((int) bad);
        assertThat(file.of()).isEqualTo(2);
    }

    @Test
    void aStoreThatIsAwayDelaysIt() throws IOException {
        List<String> all = Files.readAllLines(write(10).examples());
        kept.lines.clear();
        kept.away = 17;
        engine.asked.clear();
        try (JobReaders readers = new JobReaders()) {
            DistilledFile again = readers.write(() -> write(10)).join();
            assertThat(Files.readAllLines(again.examples())).isEqualTo(all);
        }
        assertThat(kept.away).isEqualTo(-1);
        assertThat(kept.lines).hasSize(40);
    }

    /** A tenant's other requests need room too, and its quota may change. */
    @Test
    void noMoreIsAskedAtOnceThanMayBe() throws IOException {
        engine.holding = true;
        atOnce = 3;
        write(10);
        assertThat(engine.most).isEqualTo(3);
        atOnce = 1000;
        kept.lines.clear();
        write(10);
        assertThat(engine.most).isEqualTo(32);
    }

    /** Whatever is answered first, and whether the job was interrupted or not. */
    @Test
    void noMoreIsWrittenThanAFileMayHave() throws IOException {
        DistilledFile all = write(10);
        long tokens = tokens(CHAT);
        kept.lines.clear();
        kept.said.clear();
        engine.asked.clear();
        DistilledFile file = write(10, 3 * tokens - 1);
        Written written = file.written().orElseThrow();
        assertThat(written.usable()).isEqualTo(2).isEqualTo(file.of()).isEqualTo(file.kept());
        assertThat(written.begun()).isLessThan(all.written().orElseThrow().begun());
        assertThat(kept.lines).hasSizeLessThan(40);
        assertThat(kept.said)
                .contains("The first " + written.begun()
                        + " of 40 examples fill a training file, so no more are written.");
        List<String> lines = Files.readAllLines(file.examples());
        kept.lines.subList(written.begun() / 2, kept.lines.size()).clear();
        engine.holding = true;
        atOnce = 32;
        DistilledFile again = write(10, 3 * tokens - 1);
        assertThat(again.written()).contains(written);
        assertThat(Files.readAllLines(again.examples())).isEqualTo(lines);
        // One more token, and the third has room.
        assertThat(write(10, 3 * tokens).of()).isEqualTo(3);
    }

    private long tokens(String line) throws IOException {
        InputStream file = new ByteArrayInputStream(line.getBytes(StandardCharsets.UTF_8));
        return ((Dataset) new DatasetReader(model, 100, TextRules.DEFAULT, Set.of()).read(file))
                .summary()
                .tokens();
    }

    private static String chat(char letter) {
        return "{\"messages\":[{\"role\":\"user\",\"content\":\"" + letter
                + "\"},{\"role\":\"assistant\",\"content\":\"" + letter + letter + "\"}]}";
    }

    @Test
    void onlyWhatIsMissingIsWrittenAgain() throws IOException {
        List<String> all = Files.readAllLines(write(10).examples());
        List<String> lines = List.copyOf(kept.lines);
        int before = engine.asked.size();
        kept.lines.subList(15, 40).clear();
        kept.lines.add("{\"exam");
        assertThat(Files.readAllLines(write(10).examples())).isEqualTo(all);
        assertThat(kept.lines.subList(16, 41)).containsExactlyInAnyOrderElementsOf(lines.subList(15, 40));
        assertThat(engine.asked.size() - before).isLessThan(before);
        kept.lines.remove(15);
        before = engine.asked.size();
        write(10);
        // Three chats, weighed twice.
        assertThat(engine.asked).hasSize(before + 6);
    }

    @Test
    void quotasAndFailuresDelayIt() throws IOException {
        engine.refusals = 8;
        engine.failures = 2;
        assertThat(write(2).written().orElseThrow().begun()).isEqualTo(8);
        engine.failures = 100;
        kept.lines.clear();
        assertThatThrownBy(() -> write(2))
                .isInstanceOf(UnansweredException.class)
                .hasMessageEndingWith("the engine ends");
    }

    @Test
    void itEndsWithTheEngineAndWhenItIsInterrupted() {
        engine.until = 5;
        assertThatThrownBy(() -> write(2)).isInstanceOf(RejectedExecutionException.class);
        assertThat(engine.cancelled).isNotEmpty();
        engine.until = Integer.MAX_VALUE;
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> write(2)).isInstanceOf(CancellationException.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void nothingNewIsAFailure() {
        for (int number = 0; number < 4; number++) {
            kept.lines.add("{\"example\":" + number + "," + CHAT.strip().substring(1));
        }
        assertThatThrownBy(() -> write(1))
                .isInstanceOf(ApiException.class)
                .hasMessageContaining("none of the 4 written examples is new");
    }
}

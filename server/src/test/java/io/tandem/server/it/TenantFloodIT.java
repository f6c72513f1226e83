package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two tenants, of which one asks for all that it can get. The other gets every answer, and what makes way for it goes on: each
 * kind of work gets something done between any two of the other's requests.
 */
@Timeout(120)
class TenantFloodIT {
    private static final int STREAMS = 24;
    private static final int REQUESTS = 12;
    /** Many times as many as can run at once. */
    private static final int WEIGHED_ANSWERS = 240;

    @TempDir
    private Path directory;

    private volatile boolean over;

    /** Repeats a request, and counts the answers; those that are refused come again later. */
    private Callable<Integer> repeat(AtomicInteger done, Callable<HttpResponse<String>> request) {
        return () -> {
            while (!over) {
                HttpResponse<String> answer = request.call();
                assertThat(answer.statusCode()).as(answer.body()).isIn(200, 429);
                if (answer.statusCode() == 200) {
                    done.incrementAndGet();
                } else {
                    Thread.sleep(100);
                }
            }
            return done.get();
        };
    }

    private static String completion(String prompt, int tokens) {
        return "{\"model\":\"tiny\",\"prompt\":\"" + prompt + "\",\"max_tokens\":" + tokens + ",\"ignore_eos\":true}";
    }

    private static double trained(Operator operator) throws IOException, InterruptedException {
        return metric(operator, "tandem_tokens_total{phase=\"finetune\"}");
    }

    private static double bounded(Operator operator) throws IOException, InterruptedException {
        return metric(operator, "tandem_iterations_bounded_total");
    }

    private static double metric(Operator operator, String name) throws IOException, InterruptedException {
        return operator.server()
                .get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .sum();
    }

    private static void await(List<Future<Integer>> flood, Callable<Boolean> condition) throws Exception {
        while (!condition.call()) {
            for (Future<Integer> each : flood) {
                assertThat(each.isDone() ? each.get() : -1).as("ended early").isNegative();
            }
            Thread.sleep(5);
        }
    }

    private void end(List<Future<Integer>> flood) throws Exception {
        over = true;
        for (Future<Integer> each : flood) {
            assertThat(each.get()).isNotNegative();
        }
    }

    @Test
    void theOtherGetsItsAnswersAndAllElseGoesOn() throws Exception {
        ExecutorService clients = Executors.newCachedThreadPool();
        try (RunningServer server = RunningServer.start(directory)) {
            Operator operator = Operator.of(server);
            RunningServer loud = operator.as(operator.tenant("loud"), "finetune");
            RunningServer quiet = operator.as(operator.tenant("quiet"), "finetune");
            AtomicInteger answers = new AtomicInteger();
            AtomicInteger uploads = new AtomicInteger();
            AtomicInteger texts = new AtomicInteger();
            List<Future<Integer>> flood = new ArrayList<>();
            JobClient jobs = new JobClient(loud);
            List<String> training = List.of(jobs.endless(), jobs.endless());
            String examples = TrainingFiles.chats(4000);
            for (int i = 0; i < 2; i++) {
                flood.add(clients.submit(repeat(uploads, () -> loud.tryUpload("more.jsonl", examples))));
                String text = "{\"model\":\"tiny\",\"prompt\":\"" + "word ".repeat(600) + "\"}";
                flood.add(clients.submit(repeat(texts, () -> loud.post("/tokenize", text))));
            }
            for (int i = 0; i < STREAMS; i++) {
                String prompt = i + " a b c".repeat(8);
                flood.add(clients.submit(repeat(answers, () -> loud.post("/v1/completions", completion(prompt, 20)))));
            }
            await(flood, () -> answers.get() > 0 && trained(operator) > 0);
            assertThat(bounded(operator)).isZero();
            for (int i = 0; i < REQUESTS; i++) {
                int answered = answers.get();
                int uploaded = uploads.get();
                int tokenized = texts.get();
                double before = trained(operator);
                HttpResponse<String> answer = quiet.post("/v1/completions", completion("question " + i, 3));
                assertThat(quiet.json(answer).at("/usage/completion_tokens").asInt())
                        .isEqualTo(3);
                await(
                        flood,
                        () -> answers.get() > answered
                                && uploads.get() > uploaded
                                && texts.get() > tokenized
                                && trained(operator) > before);
            }
            assertThat(bounded(operator)).isPositive();
            end(flood);
            for (String job : training) {
                jobs.cancel(job);
            }
        } finally {
            over = true;
            clients.shutdownNow();
        }
    }

    /** All their answers have as many tokens. Where both ask for more than there is, they get four to one. */
    @Test
    void ofTwoThatFloodTheHeavierGetsMore() throws Exception {
        ExecutorService clients = Executors.newCachedThreadPool();
        try (RunningServer server = RunningServer.start(directory)) {
            Operator operator = Operator.of(server);
            AtomicInteger heavy = new AtomicInteger();
            AtomicInteger light = new AtomicInteger();
            RunningServer first = operator.as(operator.tenant("heavy", "{\"weight\":4}"), "inference");
            RunningServer second = operator.as(operator.tenant("light", "{\"weight\":1}"), "inference");
            List<Future<Integer>> flood = new ArrayList<>();
            for (int i = 0; i < STREAMS; i++) {
                String body = completion("question " + i, 128);
                flood.add(clients.submit(repeat(heavy, () -> first.post("/v1/completions", body))));
                flood.add(clients.submit(repeat(light, () -> second.post("/v1/completions", body))));
            }
            await(flood, () -> {
                // The light one alone cannot have so many wait: only then does the heavy one ask for more than it gets.
                if (metric(operator, "tandem_requests_waiting") <= STREAMS) {
                    heavy.set(0);
                    light.set(0);
                }
                return heavy.get() + light.get() >= WEIGHED_ANSWERS;
            });
            int more = heavy.get();
            int less = light.get();
            assertThat(more).as("and %d for the other", less).isGreaterThan(2 * less);
            assertThat(less).isPositive();
            end(flood);
        } finally {
            over = true;
            clients.shutdownNow();
        }
    }

    @Test
    void whileTheOtherAsksAFileArrivesAtItsPace() throws Exception {
        int rate = 1 << 20;
        String file = TrainingFiles.chats(8000);
        try (RunningServer server = RunningServer.withUploadRate(directory, rate)) {
            Operator operator = Operator.of(server);
            RunningServer loud = operator.as(operator.tenant("loud"), "finetune");
            RunningServer quiet = operator.as(operator.tenant("quiet"), "finetune");
            quiet.json(quiet.post("/v1/completions", completion("a question", 1)));
            long start = System.nanoTime();
            String id = loud.upload("train.jsonl", file);
            double seconds = (System.nanoTime() - start) / 1e9;
            // The last buffer is not waited for, and a little may come early.
            assertThat(seconds).isGreaterThan((double) file.length() / rate - 0.1);
            assertThat(loud.get("/v1/files/" + id + "/content").body()).isEqualTo(file);
        }
    }
}

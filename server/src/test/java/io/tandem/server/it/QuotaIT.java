package io.tandem.server.it;

import static io.tandem.server.it.BatchRequests.completions;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What tenants may use. */
@Timeout(120)
class QuotaIT {
    private static final String COMPLETION = "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1}";
    private static final String NO_JOB = "{\"model\":\"tiny\",\"training_file\":\"file-1\"}";

    @TempDir
    private static Path directory;

    private static Operator operator;

    @BeforeAll
    static void start() throws Exception {
        operator = Operator.of(RunningServer.start(directory));
    }

    @AfterAll
    static void stop() {
        operator.server().close();
    }

    private static RunningServer limited(String name, String quota) throws Exception {
        String tenant = operator.tenant(name);
        assertThat(operator.limit(tenant, quota).path("name").asText()).isEqualTo(name);
        return operator.as(tenant, "admin");
    }

    @Test
    void aQuotaOfRequestsAndTokensIsKept() throws Exception {
        RunningServer caller = limited("few", "{\"requests_per_minute\":2,\"tokens_per_minute\":1000000}");
        HttpResponse<String> first = caller.post("/v1/completions", COMPLETION);
        assertThat(first.statusCode()).isEqualTo(200);
        assertThat(first.headers().firstValue("x-ratelimit-limit-requests")).contains("2");
        assertThat(first.headers().firstValue("x-ratelimit-remaining-requests")).contains("1");
        assertThat(first.headers().firstValue("x-ratelimit-limit-tokens")).contains("1000000");
        assertThat(first.headers().firstValue("x-ratelimit-reset-requests").orElse(""))
                .matches("[0-9.]+m?s");
        assertThat(caller.post("/v1/embeddings", "{\"model\":\"tiny\",\"input\":\"a\"}")
                        .statusCode())
                .isEqualTo(200);
        HttpResponse<String> third = caller.post("/v1/chat/completions", COMPLETION);
        assertThat(third.statusCode()).as(third.body()).isEqualTo(429);
        assertThat(third.body()).contains("\"type\":\"requests\"", "\"code\":\"rate_limit_exceeded\"");
        assertThat(third.headers().firstValueAsLong("Retry-After").orElse(0)).isBetween(1L, 30L);
        // Others, and what is not for the model, have nothing to do with it.
        assertThat(caller.get("/v1/models").statusCode()).isEqualTo(200);
        assertThat(operator.server().post("/v1/completions", COMPLETION).statusCode())
                .isEqualTo(200);
        RunningServer wordy = limited("wordy", "{\"tokens_per_minute\":1}");
        assertThat(wordy.post("/v1/completions", COMPLETION).statusCode()).isEqualTo(200);
        HttpResponse<String> more = wordy.post("/v1/completions", COMPLETION);
        assertThat(more.statusCode()).isEqualTo(429);
        assertThat(more.body()).contains("\"type\":\"tokens\"");
    }

    /** What an answer used is missing at the next request, but for what came back since. */
    @Test
    void whatIsLeftOfAQuotaOfTokensIsTold() throws Exception {
        int limit = 300;
        int refillMillis = 60_000 / limit;
        RunningServer caller = limited("told", "{\"tokens_per_minute\":" + limit + "}");
        long start = System.currentTimeMillis();
        HttpResponse<String> first =
                caller.post("/v1/completions", COMPLETION.replace("1}", "100,\"ignore_eos\":true}"));
        long used = caller.json(first).at("/usage/total_tokens").asLong();
        assertThat(used).isGreaterThan(100);
        assertThat(remainingTokens(first)).isEqualTo(limit);
        assertThat(untilAllTokens(first)).isZero();
        HttpResponse<String> second = caller.post("/v1/completions", COMPLETION);
        long refilled = (System.currentTimeMillis() - start) / refillMillis + 1;
        long remaining = remainingTokens(second);
        assertThat(remaining).isBetween(limit - used, limit - used + refilled);
        // Of the first token that is missing some may be there.
        Duration longest = Duration.ofMillis((limit - remaining) * refillMillis);
        assertThat(untilAllTokens(second)).isBetween(longest.minusMillis(refillMillis), longest);
    }

    private static long remainingTokens(HttpResponse<String> answer) {
        return answer.headers().firstValueAsLong("x-ratelimit-remaining-tokens").orElseThrow();
    }

    /** OpenAI writes {@code 1m0.5s} or {@code 820ms}. */
    private static Duration untilAllTokens(HttpResponse<String> answer) {
        String reset = answer.headers().firstValue("x-ratelimit-reset-tokens").orElseThrow();
        return reset.endsWith("ms")
                ? Duration.ofMillis(Long.parseLong(reset.substring(0, reset.length() - 2)))
                : Duration.parse("PT" + reset);
    }

    /** Wherever it comes from. Another version of one that there is needs no room. */
    @Test
    void oneAdapterTooManyIsRefused() throws Exception {
        String tenant = operator.tenant("collector", "{\"adapters\":2}");
        RunningServer caller = operator.as(tenant, "admin");
        AdapterClient adapters = new AdapterClient(caller, directory);
        for (String name : List.of("a", "b")) {
            // A tenant imports from below its own part of the import root.
            adapters.write(
                    tenant + "/" + name,
                    TinyAdapters.random(caller.model(), LoraConfig.allLinears(), 4, name.charAt(0)));
            caller.json(caller.post("/v1/adapters", "{\"name\":\"" + name + "\",\"path\":\"" + name + "\"}"));
        }
        Map<String, byte[]> files = Map.of("adapter.zip", adapters.export("a"));
        String merge = "{\"name\":\"c\",\"ids\":[\"a\",\"b\"],\"merge_strategy\":\"linear\"}";
        String load = "{\"lora_name\":\"c\",\"lora_path\":\"a\"}";
        for (HttpResponse<String> third : List.of(
                adapters.upload("c", files),
                caller.post("/v1/adapters/merge", merge),
                caller.post("/v1/load_lora_adapter", load))) {
            assertThat(third.statusCode()).as(third.body()).isEqualTo(429);
            assertThat(AdapterClient.error(third).path("code").asText()).isEqualTo("insufficient_quota");
        }
        assertThat(caller.get("/v1/adapters/c").statusCode()).isEqualTo(404);
        assertThat(adapters.upload("b", files).statusCode()).isEqualTo(200);
        assertThat(caller.delete("/v1/adapters/b").statusCode()).isEqualTo(200);
        assertThat(caller.post("/v1/load_lora_adapter", load).statusCode()).isEqualTo(200);
    }

    @Test
    void aQuotaOfAnswersFilesAndAdaptersIsKept() throws Exception {
        RunningServer caller =
                limited("small", "{\"concurrent_sequences\":2,\"file_bytes\":100,\"adapters\":0,\"weight\":0.5}");
        String three = COMPLETION.replace("1}", "1,\"n\":3}");
        HttpResponse<String> answers = caller.post("/v1/completions", three);
        assertThat(answers.statusCode()).as(answers.body()).isEqualTo(429);
        assertThat(answers.body()).contains("2 answers at once");
        for (int i = 0; i < 3; i++) {
            assertThat(caller.post("/v1/completions", three.replace("3}", "2}")).statusCode())
                    .isEqualTo(200);
        }
        String file = caller.upload("a.jsonl", "{\"text\":\"" + "x".repeat(80) + "\"}");
        HttpResponse<String> second = caller.tryUpload("b.jsonl", "{\"text\":\"" + "x".repeat(80) + "\"}");
        assertThat(second.statusCode()).isEqualTo(429);
        assertThat(second.body()).contains("insufficient_quota");
        HttpResponse<String> job = caller.post("/v1/fine_tuning/jobs", NO_JOB.replace("file-1", file));
        assertThat(job.statusCode()).as(job.body()).isEqualTo(429);
        caller.delete("/v1/files/" + file);
        assertThat(caller.tryUpload("b.jsonl", "{\"text\":\"" + "x".repeat(80) + "\"}")
                        .statusCode())
                .isEqualTo(200);
    }

    /** Rows of any size leave three quarters of the answers, and the larger ones come to their turn. */
    @Test
    void aBatchLeavesItsOwnTenantsRequestsRoom() throws Exception {
        RunningServer caller = limited("patient", "{\"concurrent_sequences\":8}");
        BatchRequests batches = new BatchRequests(caller);
        String two = completions(40, 24).replace("\"prompt\":\"the same\"", "\"prompt\":[\"the\",\"same\"]");
        String id = batches.create(two + completions(40, 24).replace("row-", "one-"));
        batches.awaitRows(id, 1);
        String six = COMPLETION.replace("1}", "4,\"n\":6}");
        int answered = 0;
        while (batches.get(id).path("status").asText().equals("in_progress")) {
            HttpResponse<String> answer = caller.post("/v1/completions", six);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            answered++;
        }
        assertThat(answered).isPositive();
        JsonNode batch = batches.awaitEnd(id);
        assertThat(batch.at("/request_counts/completed").asInt())
                .as(batch.toString())
                .isEqualTo(80);
        // More than the quarter runs alone.
        String eight = completions(2, 2).replace("\"max_tokens\"", "\"n\":8,\"max_tokens\"");
        assertThat(batches.awaitEnd(batches.create(eight))
                        .at("/request_counts/completed")
                        .asInt())
                .isEqualTo(2);
    }

    /** Where rows that ask for less could always pass. */
    @Test
    void batchesOfATenantTakeTurnsWhateverTheirRowsAskFor() throws Exception {
        RunningServer caller = limited("orderly", "{\"concurrent_sequences\":16}");
        BatchRequests batches = new BatchRequests(caller);
        // So many that they are not done before the others.
        String single = batches.create(completions(4000, 24));
        batches.awaitRows(single, 1);
        String pairs = batches.create(completions(4, 24).replace("\"max_tokens\"", "\"n\":2,\"max_tokens\""));
        assertThat(batches.awaitEnd(pairs).at("/request_counts/completed").asInt())
                .isEqualTo(4);
        assertThat(batches.get(single).path("status").asText()).isEqualTo("in_progress");
        caller.json(caller.post(BatchRequests.BATCHES + "/" + single + "/cancel", ""));
        batches.awaitEnd(single);
    }

    @Test
    void whatComesAtOnceKeepsToAQuotaToo() throws Exception {
        RunningServer caller = limited("hasty", "{\"file_bytes\":1000000,\"adapters\":2}");
        String large = "{\"text\":\"" + "x".repeat(600_000) + "\"}";
        List<CompletableFuture<Integer>> uploads = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            uploads.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return caller.tryUpload("a.jsonl", large).statusCode();
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }));
        }
        assertThat(uploads.stream().map(CompletableFuture::join)).containsOnlyOnce(200);
        String file = caller.upload("b.jsonl", "{\"text\":\"abcdef\"}\n".repeat(200));
        String job = NO_JOB.replace("file-1\"", file + "\",\"hyperparameters\":{\"n_epochs\":50,\"batch_size\":1}");
        List<String> jobs = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            jobs.add(caller.json(caller.post("/v1/fine_tuning/jobs", job))
                    .path("id")
                    .asText());
        }
        HttpResponse<String> third = caller.post("/v1/fine_tuning/jobs", job);
        assertThat(third.statusCode()).as(third.body()).isEqualTo(429);
        assertThat(third.body()).contains("insufficient_quota");
        for (String id : jobs) {
            assertThat(caller.post("/v1/fine_tuning/jobs/" + id + "/cancel", "{}")
                            .statusCode())
                    .isEqualTo(200);
        }
        assertThat(caller.post("/v1/fine_tuning/jobs", job).statusCode()).isEqualTo(200);
    }

    /** The server asks the machine what day it is, and with a new day all of the quota is there again. */
    private static void awayFromMidnight() throws InterruptedException {
        int margin = 30;
        int left = LocalTime.MAX.toSecondOfDay() - LocalTime.now(ZoneOffset.UTC).toSecondOfDay();
        if (left < margin) {
            Thread.sleep(1000L * (left + 1));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"supervised", "search"})
    void tokensThatAreTrainedHaveAQuotaByDay(String method) throws Exception {
        awayFromMidnight();
        String tenant = operator.tenant("learner-" + method, "{\"training_tokens_per_day\":1}");
        RunningServer caller = operator.as(tenant, "admin");
        // So many that it is not done before it is cancelled.
        String file = caller.upload("a.jsonl", TrainingFiles.chats(2000));
        String held = caller.upload("b.jsonl", TrainingFiles.chats(16));
        String job = NO_JOB.replace("file-1", file)
                .replaceFirst(
                        "\\}$", ",\"validation_file\":\"" + held + "\",\"method\":{\"type\":\"" + method + "\"}}");
        String id =
                caller.json(caller.post("/v1/fine_tuning/jobs", job)).path("id").asText();
        String path = "/v1/fine_tuning/jobs/" + id;
        while (!caller.json(caller.get(path)).path("status").asText().equals("paused")) {
            Thread.sleep(20);
        }
        assertThat(caller.get(path + "/events?limit=100").body()).contains("as its quota allows");
        for (String more : List.of("/v1/fine_tuning/jobs", path + "/resume")) {
            HttpResponse<String> answer = caller.post(more, more.equals(path + "/resume") ? "{}" : job);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(429);
            assertThat(answer.body()).contains("insufficient_quota");
        }
        operator.limit(tenant, "{}");
        assertThat(caller.post(path + "/resume", "{}").statusCode()).isEqualTo(200);
        assertThat(caller.post(path + "/cancel", "{}").statusCode()).isEqualTo(200);
        String usage = "/v1/organization/usage/completions?format=csv&start_time="
                + (Instant.now().getEpochSecond() - 86_400);
        assertThat(caller.get(usage).body()).containsPattern(tenant + ",ft:tiny:adapter:[0-9a-f]+,0,0,0,0,[1-9]");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"quota\":{\"requests_per_minute\":-1}}",
                "{\"quota\":{\"requests_per_minute\":1.5}}",
                "{\"quota\":{\"tokens_per_minute\":99999999999999999999}}",
                "{\"quota\":{\"weight\":0}}",
                "{\"quota\":{\"wait\":1}}",
                "{\"quota\":7}"
            })
    void wrongQuotasAreRefused(String body) throws Exception {
        HttpResponse<String> answer = operator.server().post(Operator.PROJECTS + "/default", body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
    }
}

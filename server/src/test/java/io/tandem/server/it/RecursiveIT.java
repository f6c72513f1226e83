package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.recursion.RecursiveConversion;
import io.tandem.kernels.recursion.SharedWeights;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.config.ConfigException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The server over a recursive model. */
@Timeout(180)
class RecursiveIT {
    private static final String CHAT = "{\"model\":\"tiny\",\"temperature\":0,\"max_tokens\":20,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";

    @TempDir
    private Path directory;

    private static String text(RunningServer server) throws Exception {
        JsonNode text = server.json(server.post("/v1/chat/completions", CHAT))
                .path("choices")
                .path(0)
                .path("message")
                .path("content");
        assertThat(text.isTextual()).isTrue();
        return text.asText();
    }

    @Test
    void aModelWithFactorsOfFullRankAnswersAsItsOriginal() throws Exception {
        Path base = directory.resolve("base");
        // The same model as the one that the server makes.
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(base);
        Path output = directory.resolve("tiny");
        new RecursiveConversion(ModelSource.open(base), 2, 1000, SharedWeights.AVERAGE)
                .write(output, (done, total, what) -> {});
        String expected;
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("plain")))) {
            expected = text(server);
        }
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("looped")), output)) {
            assertThat(text(server)).isEqualTo(expected);
        }
    }

    private static String body(String more) {
        return "{\"model\":\"tiny\",\"prompt\":\"Hello\",\"max_tokens\":20,\"ignore_eos\":true" + more + "}";
    }

    private static JsonNode complete(RunningServer server, String more) throws Exception {
        return server.json(server.post("/v1/completions", body(more)));
    }

    private static String answer(JsonNode completion) {
        return completion.at("/choices/0/text").textValue();
    }

    private static int early(JsonNode completion) {
        return completion
                .at("/usage/completion_tokens_details/early_exit_tokens")
                .asInt(-1);
    }

    private static double loops(RunningServer server) throws Exception {
        return server.get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith("tandem_decode_loops_total"))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    /** The last iteration is counted a moment after its token is sent. */
    private static void awaitLoops(RunningServer server, double count) throws Exception {
        for (int i = 0; i < 500 && loops(server) < count; i++) {
            Thread.sleep(10);
        }
        assertThat(loops(server)).isEqualTo(count);
    }

    private Path looped() throws Exception {
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(directory.resolve("base"));
        Path output = directory.resolve("tiny");
        new RecursiveConversion(ModelSource.open(directory.resolve("base")), 2, 4, SharedWeights.AVERAGE)
                .write(output, (done, total, what) -> {});
        return output;
    }

    @Test
    void tokensLeaveEarlyIfTheRequestSaysSo() throws Exception {
        Path model = looped();
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("one")), model)) {
            JsonNode whole = complete(server, ",\"temperature\":0");
            assertThat(early(whole)).isEqualTo(-1);
            awaitLoops(server, 2 * 19);
            JsonNode never = complete(server, ",\"temperature\":0,\"early_exit\":1");
            assertThat(answer(never)).isEqualTo(answer(whole));
            assertThat(early(never)).isEqualTo(-1);
            awaitLoops(server, 2 * 2 * 19);
            JsonNode always = complete(server, ",\"temperature\":0,\"early_exit\":1e-9,\"logprobs\":1");
            assertThat(early(always)).isEqualTo(19);
            assertThat(answer(always)).isNotEqualTo(answer(whole));
            awaitLoops(server, 2 * 2 * 19 + 19);
            // Greedy or drawn, alone or with others, streamed or not, the answer is the same.
            JsonNode drawn = complete(server, ",\"seed\":5,\"early_exit\":1e-9");
            JsonNode several = complete(server, ",\"seed\":5,\"early_exit\":1e-9,\"n\":3");
            assertThat(answer(several)).isEqualTo(answer(drawn));
            assertThat(early(several)).isEqualTo(3 * 19);
            StringBuilder streamed = new StringBuilder();
            for (JsonNode event : server.events(
                    server.post("/v1/completions", body(",\"temperature\":0,\"early_exit\":1e-9,\"stream\":true")))) {
                streamed.append(event.at("/choices/0/text").asText());
            }
            assertThat(streamed.toString()).isEqualTo(answer(always));
            // What is forced need not be thought over.
            JsonNode forced = server.json(server.post(
                    "/v1/completions",
                    "{\"model\":\"tiny\",\"prompt\":\"Hello\",\"early_exit\":0.999,\"max_tokens\":20,"
                            + "\"structured_outputs\":{\"choice\":[\"abcdefghij\"]}}"));
            assertThat(early(forced)).isPositive();
            assertThat(server.json(server.post(
                                    "/v1/responses",
                                    "{\"model\":\"tiny\",\"input\":\"Hello\",\"temperature\":0,\"early_exit\":1e-9}"))
                            .at("/usage/output_tokens_details/early_exit_tokens")
                            .asInt())
                    .isPositive();
        }
    }

    @Test
    void settingsSayWhatRequestsDoNot() throws Exception {
        Path model = looped();
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("one")), model, 1e-9)) {
            assertThat(early(complete(server, ",\"temperature\":0"))).isEqualTo(19);
            assertThat(early(complete(server, ",\"temperature\":0,\"early_exit\":1")))
                    .isEqualTo(-1);
        }
        Path plain = directory.resolve("base");
        assertThatThrownBy(() -> RunningServer.start(Files.createDirectory(directory.resolve("two")), plain, 0.9))
                .isInstanceOf(ConfigException.class)
                .hasMessage("early-exit is 0.9, but the model is not a recursive one, whose tokens leave early;"
                        + " see tandem recurse");
        try (RunningServer server = RunningServer.start(Files.createDirectory(directory.resolve("three")), plain)) {
            String named = ",\"early_exit\":";
            assertThat(server.post("/v1/completions", body(named + 1).replace("tiny", "base"))
                            .statusCode())
                    .isEqualTo(200);
            HttpResponse<String> refused =
                    server.post("/v1/completions", body(named + 0.9).replace("tiny", "base"));
            assertThat(refused.statusCode()).isEqualTo(400);
            assertThat(refused.body()).contains("early_exit", "not a recursive one");
        }
    }
}

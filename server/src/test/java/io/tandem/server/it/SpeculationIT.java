package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two servers, of which one drafts: all that a client sees is the same, in float32. How much it drafts is up to the
 * machine's speed; {@code SpeculationTest} has that in its hands.
 */
@Timeout(120)
class SpeculationIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final JsonMapper JSON = new JsonMapper();
    private static final String PHRASE = "to be or not to be, that is the question. ";

    private static RunningServer with;
    private static RunningServer without;

    @RegisterExtension
    final Seeded seeded = new Seeded();

    @BeforeAll
    static void start(@TempDir Path first, @TempDir Path second) throws Exception {
        with = RunningServer.start(first);
        without = RunningServer.start(second, Speculation.NONE);
        for (RunningServer server : List.of(with, without)) {
            PeftFormat.write(
                    (server == with ? first : second).resolve("import/a"),
                    TinyAdapters.mixedRanks(MODEL.config(), LoraConfig.allLinears(), 8, 1),
                    MODEL.config());
            server.post("/v1/load_lora_adapter", "{\"lora_name\":\"a\",\"lora_path\":\"a\"}");
        }
    }

    @AfterAll
    static void stop() {
        with.close();
        without.close();
    }

    /** Without what differs between any two answers. */
    private static JsonNode ask(RunningServer server, ObjectNode body) throws IOException, InterruptedException {
        ObjectNode answer = (ObjectNode) server.json(server.post("/v1/completions", body.toString()));
        answer.remove(List.of("id", "created"));
        // What is cached depends on the requests before.
        ((ObjectNode) answer.path("usage")).remove("prompt_tokens_details");
        return answer;
    }

    /** Greedy ones and sampled ones, with penalties, log-probabilities, stops, choices, limits and adapters. */
    private static ObjectNode request(Random random) {
        ObjectNode body = JSON.createObjectNode();
        String prompt = PHRASE.repeat(1 + random.nextInt(3)).substring(random.nextInt(20));
        body.put("model", random.nextInt(3) == 0 ? "a" : RunningServer.MODEL).put("prompt", prompt);
        body.put("max_tokens", 10 + random.nextInt(90)).put("seed", random.nextInt(1000));
        body.put("temperature", random.nextBoolean() ? 0 : 0.3).put("ignore_eos", random.nextBoolean());
        if (random.nextInt(3) == 0) {
            body.put("repetition_penalty", 1.05).put("presence_penalty", 0.1).put("frequency_penalty", 0.05);
        }
        if (random.nextBoolean()) {
            likely(body, random);
        }
        if (random.nextInt(4) == 0) {
            body.putArray("stop").add(String.valueOf((char) ('a' + random.nextInt(26))));
        }
        if (random.nextInt(4) == 0) {
            body.put("top_p", 0.9).put("top_k", 20);
        }
        if (random.nextInt(4) == 0) {
            body.put("n", 2);
        }
        if (random.nextInt(4) == 0) {
            body.put("min_tokens", 10);
        }
        return body;
    }

    @Test
    void answersAreTheSame() throws Exception {
        Random random = seeded.random();
        List<ObjectNode> requests = new ArrayList<>();
        List<CompletableFuture<JsonNode>> answers = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            ObjectNode body = request(random);
            requests.add(body);
            answers.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return ask(with, body);
                } catch (IOException | InterruptedException e) {
                    throw new AssertionError(e);
                }
            }));
        }
        for (int i = 0; i < requests.size(); i++) {
            assertThat(answers.get(i).get()).as("%s", requests.get(i)).isEqualTo(ask(without, requests.get(i)));
        }
    }

    /** Makes a few tokens so much likelier that the answer repeats itself, which a random model seldom does. */
    private static void likely(ObjectNode body, Random random) {
        ObjectNode bias = body.putObject("logit_bias");
        for (int i = 0; i < 3; i++) {
            bias.put(Integer.toString(random.nextInt(MODEL.config().vocab())), 5);
        }
    }

    private static ObjectNode repeating() {
        ObjectNode body = JSON.createObjectNode();
        body.put("model", RunningServer.MODEL).put("prompt", PHRASE.repeat(2)).put("max_tokens", 120);
        likely(body, new Random(1));
        return body.put("temperature", 0).put("ignore_eos", true);
    }

    @Test
    void eachTokenHasItsLogprobsAndItsEvent() throws Exception {
        ObjectNode body = repeating().put("logprobs", 2);
        JsonNode got = ask(with, body).at("/choices/0/logprobs");
        JsonNode expected = ask(without, body).at("/choices/0/logprobs");
        assertThat(got.path("tokens")).isEqualTo(expected.path("tokens")).hasSize(120);
        for (int i = 0; i < 120; i++) {
            assertThat(got.path("token_logprobs").path(i).doubleValue())
                    .isCloseTo(expected.path("token_logprobs").path(i).doubleValue(), within(1e-4));
        }
        StringBuilder streamed = new StringBuilder();
        for (JsonNode event : with.events(
                with.post("/v1/completions", repeating().put("stream", true).toString()))) {
            streamed.append(event.at("/choices/0/text").asText());
        }
        assertThat(streamed.toString())
                .isEqualTo(ask(without, repeating()).at("/choices/0/text").asText());
    }

    /** In the middle of answers that draft; who comes after gets the same as ever. */
    @Test
    void clientsThatLeaveDisturbNobody() throws Exception {
        String body = repeating().put("stream", true).put("max_tokens", 150).toString();
        for (int i = 0; i < 10; i++) {
            try (Socket socket = new Socket("127.0.0.1", with.port())) {
                socket.getOutputStream()
                        .write(("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                        + "Content-Length: " + body.length() + "\r\n\r\n" + body)
                                .getBytes(StandardCharsets.UTF_8));
                socket.getInputStream().read(new byte[1 + 300 * i]);
            }
        }
        assertThat(ask(with, repeating())).isEqualTo(ask(without, repeating()));
    }
}

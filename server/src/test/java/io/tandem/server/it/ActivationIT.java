package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.adapter.ActivatedConfig;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.Invocation;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.model.TargetModule;
import io.tandem.kernels.testing.PeftDirectory;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import java.io.ByteArrayInputStream;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Adapters that act from their invocation on: aLoRA. */
@Timeout(60)
class ActivationIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String INVOCATION = "judge: ";
    private static final String JOBS = "/v1/fine_tuning/jobs";
    /** Of losses in float32: which rows share an iteration changes their last bits. */
    private static final Offset<Double> ROUNDING = within(1e-5);

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static AdapterClient adapters;
    private static List<Integer> tokens;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
        tokens = StreamSupport.stream(tokenize(INVOCATION).spliterator(), false)
                .map(JsonNode::asInt)
                .toList();
        Adapter whole = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 9);
        adapters.create(
                "judge", new Adapter(new ActivatedConfig(whole.lora(), new Invocation(tokens)), whole.modules()));
        adapters.create("whole", whole);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static JsonNode tokenize(String text) throws Exception {
        return server.json(server.post("/tokenize", "{\"content\":\"" + text + "\"}"))
                .path("tokens");
    }

    private static JsonNode ask(String model, String prompt) throws Exception {
        return server.json(server.post(
                "/v1/completions",
                "{\"model\":\"" + model + "\",\"prompt\":\"" + prompt
                        + "\",\"max_tokens\":20,\"temperature\":0,\"ignore_eos\":true}"));
    }

    private static int cached(JsonNode answer) {
        return answer.at("/usage/prompt_tokens_details/cached_tokens").asInt();
    }

    private static String text(JsonNode answer) {
        return answer.at("/choices/0/text").asText();
    }

    /** Nothing of the conversation runs again for the judge, nor for the base afterwards. */
    @Test
    void aJudgeReusesTheConversationOfTheBase() throws Exception {
        String question = "once upon a midnight dreary, while I pondered, weak and weary. ";
        JsonNode first = ask(RunningServer.MODEL, question);
        String conversation = question + text(first).replaceAll("[^a-z ]", "x");
        JsonNode base = ask(RunningServer.MODEL, conversation);
        int length = base.at("/usage/prompt_tokens").asInt();
        JsonNode judged = ask("judge", conversation + INVOCATION);
        assertThat(judged.at("/usage/prompt_tokens").asInt()).isEqualTo(length + tokens.size());
        assertThat(cached(judged)).isEqualTo(length);
        JsonNode again = ask("judge", conversation + INVOCATION);
        assertThat(cached(again)).isEqualTo(length + tokens.size() - 1);
        assertThat(text(again)).isEqualTo(text(judged));
        assertThat(cached(ask(RunningServer.MODEL, conversation + "and more"))).isEqualTo(length);
        // An adapter that acts on all tokens shares none.
        assertThat(cached(ask("whole", conversation + INVOCATION))).isZero();
    }

    @Test
    void withoutTheInvocationTheBaseAnswers() throws Exception {
        for (String prompt : List.of("no more of that", "judge:", INVOCATION.strip() + "x")) {
            assertThat(text(ask("judge", prompt))).isEqualTo(text(ask(RunningServer.MODEL, prompt)));
        }
        String prompt = "a word " + INVOCATION;
        assertThat(text(ask("judge", prompt)))
                .isNotEqualTo(text(ask(RunningServer.MODEL, prompt)))
                .isNotEqualTo(text(ask("whole", prompt)));
    }

    /** PEFT's own layout, by hand; its export has the tokens too. */
    @Test
    void peftsFilesComeAndGo() throws Exception {
        Site site = new Site(1, TargetModule.V_PROJ);
        new PeftDirectory(directory.resolve("import/byhand"), MODEL.config())
                .factors(site, 2)
                .write("\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"v_proj\"],"
                        + "\"alora_invocation_tokens\":" + tokens);
        JsonNode made = server.json(server.post("/v1/adapters", "{\"name\":\"byhand\",\"path\":\"byhand\"}"));
        assertThat(made.at("/report/invocation_tokens").toString())
                .isEqualTo(tokens.toString().replace(" ", ""));
        assertThat(made.at("/report/probe/logprob_difference").asDouble()).isPositive();
        JsonNode config = config(adapters.export("byhand"));
        assertThat(config.path("alora_invocation_tokens")).isEqualTo(made.at("/report/invocation_tokens"));
        assertThat(config.path("peft_type").asText()).isEqualTo("LORA");
        new PeftDirectory(directory.resolve("import/beyond"), MODEL.config())
                .factors(site, 2)
                .write("\"peft_type\":\"LORA\",\"r\":2,\"target_modules\":[\"v_proj\"],"
                        + "\"alora_invocation_tokens\":[99999]");
        HttpResponse<String> beyond = server.post("/v1/adapters", "{\"name\":\"beyond\",\"path\":\"beyond\"}");
        assertThat(beyond.statusCode()).isEqualTo(400);
        assertThat(beyond.body()).contains("the adapter's invocation has token 99999 of");
        // Other tokens make another version.
        JsonNode other = adapters.create(
                "other",
                new Adapter(
                        new ActivatedConfig(
                                new LoraConfig(2, 4, false, LoraConfig.allLinears(), ""), new Invocation(List.of(5))),
                        server.adapter("byhand", MODEL.config()).modules()));
        assertThat(other.path("version")).isNotEqualTo(made.path("version"));
    }

    private static JsonNode config(byte[] zip) throws Exception {
        try (ZipInputStream entries = new ZipInputStream(new ByteArrayInputStream(zip))) {
            ZipEntry entry = entries.getNextEntry();
            while (!entry.getName().endsWith("adapter_config.json")) {
                entry = entries.getNextEntry();
            }
            return JsonBody.MAPPER.readTree(entries.readAllBytes());
        }
    }

    @Test
    void factorsThatActOnAPartOfATextAreNotForWholeOnes() throws Exception {
        String why = "the adapter acts from its invocation tokens on";
        for (HttpResponse<String> refused : List.of(
                server.post("/v1/adapters/judge/compress", "{\"density\":0.3}"),
                server.post("/v1/adapters/merge", "{\"name\":\"m\",\"ids\":[\"judge\",\"whole\"],\"weights\":[1,1]}"),
                adapters.ask("judge:r2", ""))) {
            assertThat(refused.statusCode()).as(refused.body()).isBetween(400, 499);
            assertThat(refused.body()).contains(why);
        }
    }

    private static List<Double> losses(String prompt, String... models) throws Exception {
        String file = server.upload("valid.jsonl", lines(prompt));
        ObjectNode body = JsonBody.MAPPER.createObjectNode().put("validation_file", file);
        List.of(models).forEach(body.putArray("models")::add);
        JsonNode answer = server.json(server.post("/v1/adapters/compare", body.toString()));
        return StreamSupport.stream(answer.path("data").spliterator(), false)
                .map(model -> model.path("loss").asDouble())
                .toList();
    }

    /** What begins with the invocation is the adapter's as a whole, and what lacks it the base's. */
    @Test
    void comparisonsMeasureWhereItActs() throws Exception {
        List<Double> whole = losses(INVOCATION + "is it?", "judge", "whole", RunningServer.MODEL);
        assertThat(whole.get(0)).isCloseTo(whole.get(1), ROUNDING).isNotCloseTo(whole.get(2), ROUNDING);
        List<Double> none = losses("is it?", "judge", "whole", RunningServer.MODEL);
        assertThat(none.get(0)).isCloseTo(none.get(2), ROUNDING).isNotCloseTo(none.get(1), ROUNDING);
        List<Double> end = losses("is it? " + INVOCATION, "judge", "whole", RunningServer.MODEL);
        assertThat(end.get(0)).isNotCloseTo(end.get(1), ROUNDING).isNotCloseTo(end.get(2), ROUNDING);
    }

    private static HttpResponse<String> job(String path, String hyperparameters, String lines) throws Exception {
        String file = server.upload("train.jsonl", lines);
        return server.post(
                path,
                "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"hyperparameters\":{\"n_epochs\":1,"
                        + hyperparameters + "}}");
    }

    private static String lines(String prompt) {
        return "{\"prompt\":\"" + prompt + "\",\"completion\":\"yes\"}\n";
    }

    @Test
    void jobsLearnBehindTheInvocation() throws Exception {
        String alora = "\"peft\":\"alora\",\"rank\":2,\"invocation_tokens\":" + tokens;
        String dry = JOBS + "/dry_run";
        assertThat(job(dry, alora, lines("is it so? " + INVOCATION)).statusCode())
                .isEqualTo(200);
        HttpResponse<String> without = job(dry, alora, lines("is it so? " + INVOCATION) + lines("is it?"));
        assertThat(without.body())
                .contains("'training_file': example 2 has no token to learn behind the 'invocation_tokens'");
        assertThat(job(JOBS, alora.replace("[", "[99999,"), lines("a")).body())
                .contains("'invocation_tokens' has 99999, the vocabulary ends with");
        ObjectNode above =
                (ObjectNode) AdapterClient.error(job(JOBS, "\"under\":[\"judge\"]", lines("is it so? " + INVOCATION)));
        assertThat(above.path("param").asText()).isEqualTo("under");
        assertThat(above.path("message").asText()).contains("acts from its invocation tokens on");
        String control = "{\"prompt\":\"a\",\"completion\":\"b\",\"control\":\"x\"}\n";
        assertThat(AdapterClient.error(job(dry, "\"controls\":{\"x\":\"judge\"}", control))
                        .path("param")
                        .asText())
                .isEqualTo("controls");
    }
}

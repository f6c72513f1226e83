package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.TinyAdapters;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tokens and judgements, by the sample model. */
@Timeout(120)
class TextEndpointsIT {
    private static final String CHAT = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi there\"}]";

    private static final Path SAMPLE = Path.of("../config/models/sample");
    private static final JsonMapper JSON = new JsonMapper();
    private static final List<String> DOCUMENTS = List.of("The sun.", "Ice.");

    @TempDir
    private static Path directory;

    private static RunningServer server;

    @BeforeAll
    static void start() throws IOException {
        server = RunningServer.start(directory, SAMPLE);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static JsonNode post(String path, String body) throws Exception {
        return server.json(server.post(path, body));
    }

    @Test
    void tokensOfATextAndBack() throws Exception {
        JsonNode tokens =
                post("/tokenize", "{\"model\":\"sample\",\"prompt\":\"Once upon a ☃\",\"return_token_strs\":true}");
        assertThat(tokens.path("count").intValue())
                .isEqualTo(tokens.path("tokens").size())
                .isEqualTo(tokens.path("token_strs").size());
        assertThat(tokens.path("max_model_len").intValue()).isEqualTo(RunningServer.CONTEXT);
        JsonNode text = post("/detokenize", "{\"tokens\":" + tokens.path("tokens") + "}");
        assertThat(text.path("prompt").asText()).isEqualTo("Once upon a ☃");
        JsonNode plain = post("/tokenize", "{\"content\":\"Once upon a ☃\"}");
        assertThat(plain.path("tokens")).isEqualTo(tokens.path("tokens"));
        assertThat(plain.path("token_strs").isNull()).isTrue();
    }

    /** What a chat is tokenized to is what answering it runs. */
    @Test
    void tokensOfAChat() throws Exception {
        JsonNode tokens = post("/tokenize", "{\"model\":\"sample\"," + CHAT + "}");
        JsonNode answer = post(
                "/v1/chat/completions",
                "{\"model\":\"sample\",\"max_tokens\":1,\"return_token_ids\":true," + CHAT + "}");
        assertThat(tokens.path("tokens")).isEqualTo(answer.path("prompt_token_ids"));
        assertThat(post("/tokenize", "{" + CHAT + ",\"add_generation_prompt\":false}")
                        .path("count")
                        .intValue())
                .isLessThan(tokens.path("count").intValue());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "/tokenize|prompt|{}",
                "/tokenize|prompt|{\"prompt\":[1,2]}",
                "/tokenize|messages|{\"messages\":[]}",
                "/tokenize|chat_template|{\"prompt\":\"a\",\"chat_template\":\"b\"}",
                "/detokenize|tokens|{}",
                "/detokenize|tokens|{\"tokens\":[-1]}",
                "/detokenize|tokens|{\"tokens\":\"a\"}",
                "/v1/rerank|model|{\"query\":\"a\",\"documents\":[\"b\"]}",
                "/v1/rerank|query|{\"model\":\"sample\",\"documents\":[\"b\"]}",
                "/v1/rerank|documents|{\"model\":\"sample\",\"query\":\"a\",\"documents\":[]}",
                "/v1/rerank|documents[0]|{\"model\":\"sample\",\"query\":\"a\",\"documents\":[1]}",
                "/v1/rerank|top_n|{\"model\":\"sample\",\"query\":\"a\",\"documents\":[\"b\"],\"top_n\":-1}",
                "/v1/embeddings|input|{\"model\":\"sample\"}",
                "/v1/embeddings|input|{\"model\":\"sample\",\"input\":[]}",
                "/v1/embeddings|input|{\"model\":\"sample\",\"input\":\"\"}",
                "/v1/embeddings|dimensions|{\"model\":\"sample\",\"input\":\"a\",\"dimensions\":100000}",
                "/v1/embeddings|encoding_format|{\"model\":\"sample\",\"input\":\"a\",\"encoding_format\":\"hex\"}",
                "/v1/score|text_2|{\"model\":\"sample\",\"text_1\":\"a\"}",
                "/v1/score|text_2|{\"model\":\"sample\",\"text_1\":[\"a\",\"b\"],\"text_2\":[\"a\"]}",
                "/v1/score|model|{\"model\":\"nobody\",\"text_1\":\"a\",\"text_2\":\"b\"}",
            })
    void wrongRequestsNameTheField(String path, String param, String body) throws Exception {
        refused(path, param, body, "");
    }

    private static void refused(String path, String param, String body, String saying) throws Exception {
        HttpResponse<String> answer = server.post(path, body);
        assertThat(answer.statusCode()).as(answer.body()).isIn(400, 404);
        JsonNode error = JSON.readTree(answer.body()).path("error");
        assertThat(error.path("param").asText()).isEqualTo(param);
        assertThat(error.path("message").asText()).contains(saying);
    }

    @Test
    void aDocumentTooLongForTheContextIsRefusedByName() throws Exception {
        HttpResponse<String> answer = server.post(
                "/v1/rerank", "{\"model\":\"sample\",\"query\":\"a\",\"documents\":[\"" + "word ".repeat(600) + "\"]}");
        assertThat(answer.statusCode()).isEqualTo(400);
        JsonNode error = JSON.readTree(answer.body()).path("error");
        assertThat(error.path("code").asText()).isEqualTo("context_length_exceeded");
        assertThat(error.path("param").asText()).isEqualTo("documents");
    }

    /** The score is the model's own: the probability of yes among yes and no. */
    @Test
    void scoresAreTheProbabilityOfYes() throws Exception {
        double[] scores = scores("sample");
        assertThat(scores).hasSameSizeAs(DOCUMENTS);
        for (int i = 0; i < scores.length; i++) {
            assertThat(scores[i])
                    .isCloseTo(probabilityOfYes("sample", DOCUMENTS.get(i)), within(1e-4))
                    .isBetween(0.0, 1.0);
        }
    }

    /** How well the documents say what is hot. */
    private static double[] scores(String model) throws Exception {
        JsonNode scores = post(
                "/v1/score",
                "{\"model\":\"" + model + "\",\"text_1\":\"What is hot?\",\"text_2\":"
                        + JSON.writeValueAsString(DOCUMENTS) + "}");
        assertThat(scores.at("/usage/prompt_tokens").intValue()).isPositive();
        return scores.path("data").findValues("score").stream()
                .mapToDouble(JsonNode::doubleValue)
                .toArray();
    }

    /** The same, as the answer to a chat. */
    private static double probabilityOfYes(String model, String document) throws Exception {
        JsonNode answer = post(
                "/v1/chat/completions",
                "{\"model\":\"" + model + "\",\"temperature\":0,\"max_tokens\":1,\"logprobs\":true,\"top_logprobs\":2,"
                        + "\"logit_bias\":" + bias()
                        + ",\"messages\":[{\"role\":\"user\",\"content\":\"Query: What is hot?\\nDocument: "
                        + document + "\\nDoes the document answer the query? Answer yes or no.\"}]}");
        for (JsonNode token : answer.at("/choices/0/logprobs/content/0/top_logprobs")) {
            if (token.path("token").asText().strip().startsWith("y")) {
                return Math.exp(token.path("logprob").doubleValue());
            }
        }
        throw new AssertionError(answer);
    }

    /**
     * A language and a task add up, as they do in cross-lingual reranking (Litschko et al., arXiv 2204.02292). The sum is made
     * here, of the factors side by side.
     */
    @Test
    void aLanguageAndARankingAdapterJudgeTogetherAsTheSumOfTheirChanges() throws Exception {
        ModelConfig model = ModelConfigReader.read(ModelSource.open(SAMPLE).config());
        Adapter language = TinyAdapters.random(model, LoraConfig.allLinears(), 4, 1);
        Adapter ranking = TinyAdapters.random(model, LoraConfig.allLinears(), 6, 2);
        AdapterClient adapters = new AdapterClient(server, directory);
        adapters.create("czech", language);
        adapters.create("ranking", ranking);
        adapters.create("sum", TinyAdapters.stacked(language, ranking));
        double[] together = scores("czech+ranking");
        assertThat(together)
                .containsExactly(scores("sum"), within(1e-4))
                .containsExactly(scores("ranking+czech"), within(1e-4));
        for (String other : List.of("sample", "czech", "ranking")) {
            assertThat(scores(other)[0]).as(other).isNotCloseTo(together[0], within(1e-2));
        }
        assertThat(probabilityOfYes("czech+ranking", DOCUMENTS.get(0))).isCloseTo(together[0], within(1e-4));
        JsonNode results = post(
                        "/v1/rerank",
                        "{\"model\":\"czech+ranking\",\"query\":\"What is hot?\",\"documents\":"
                                + JSON.writeValueAsString(DOCUMENTS) + "}")
                .path("results");
        assertThat(results)
                .hasSameSizeAs(DOCUMENTS)
                .allSatisfy(result -> assertThat(result.path("relevance_score").doubleValue())
                        .isCloseTo(together[result.path("index").intValue()], within(1e-4)));
        refused("/v1/score", "model", body("czech+nobody"), "The model 'nobody' does not exist");
        refused("/v1/score", "model", body("czech+"), "The model '' does not exist");
        refused("/v1/score", "model", body("czech+czech"), "twice");
        refused("/v1/score", "model", body("sample+czech"), "name adapters only");
    }

    private static String body(String model) {
        return "{\"model\":\"" + model + "\",\"text_1\":\"a\",\"text_2\":\"b\"}";
    }

    private static String bias() throws Exception {
        int yes = post("/tokenize", "{\"content\":\"yes\"}").at("/tokens/0").intValue();
        int no = post("/tokenize", "{\"content\":\"no\"}").at("/tokens/0").intValue();
        return "{\"" + yes + "\":100,\"" + no + "\":100}";
    }

    @Test
    void rerankingSortsByScore() throws Exception {
        String documents = "[\"Ice is cold.\",{\"text\":\"The sun is hot.\"},\"A cat.\",\"A dog.\"]";
        String start = "{\"model\":\"sample\",\"query\":\"What is hot?\",\"documents\":" + documents;
        JsonNode all = post("/v1/rerank", start + "}").path("results");
        assertThat(all).hasSize(4);
        for (int i = 1; i < 4; i++) {
            assertThat(all.get(i).path("relevance_score").doubleValue())
                    .isLessThanOrEqualTo(all.get(i - 1).path("relevance_score").doubleValue());
        }
        assertThat(all.findValuesAsText("text")).contains("The sun is hot.", "A cat.");
        JsonNode best = post("/v1/rerank", start + ",\"top_n\":2,\"return_documents\":false}")
                .path("results");
        assertThat(best).hasSize(2);
        assertThat(best.get(0).path("index")).isEqualTo(all.get(0).path("index"));
        assertThat(best.get(0).has("document")).isFalse();
    }

    @Test
    void embeddingsHaveTheLengthOneAndDoNotDependOnTheBatch() throws Exception {
        JsonNode three = post(
                "/v1/embeddings",
                "{\"model\":\"sample\",\"input\":[\"The sun is hot.\",\"Ice\",\"" + "A long text. ".repeat(20)
                        + "\"]}");
        assertThat(three.path("data").findValuesAsText("index")).containsExactly("0", "1", "2");
        double[] first = numbers(three.at("/data/0/embedding"));
        assertThat(Arrays.stream(first).map(x -> x * x).sum()).isCloseTo(1, within(1e-5));
        JsonNode alone = post("/v1/embeddings", "{\"model\":\"sample\",\"input\":\"The sun is hot.\"}");
        assertThat(numbers(alone.at("/data/0/embedding"))).containsExactly(first, within(1e-5));
        assertThat(alone.at("/usage/prompt_tokens").intValue()).isPositive();
        JsonNode ids = post("/tokenize", "{\"prompt\":\"The sun is hot.\"}").path("tokens");
        JsonNode ofIds = post("/v1/embeddings", "{\"model\":\"sample\",\"input\":" + ids + "}");
        assertThat(numbers(ofIds.at("/data/0/embedding"))).containsExactly(first, within(1e-5));
        assertThat(numbers(three.at("/data/1/embedding"))).isNotEqualTo(first);
    }

    private static double[] numbers(JsonNode array) {
        return IntStream.range(0, array.size())
                .mapToDouble(i -> array.get(i).doubleValue())
                .toArray();
    }

    @Test
    void embeddingsComeAsBytesAndWithFewerDimensions() throws Exception {
        String start = "{\"model\":\"sample\",\"input\":\"The sun is hot.\",\"dimensions\":8";
        double[] numbers = numbers(post("/v1/embeddings", start + "}").at("/data/0/embedding"));
        assertThat(numbers).hasSize(8);
        assertThat(Arrays.stream(numbers).map(x -> x * x).sum()).isCloseTo(1, within(1e-5));
        byte[] bytes = Base64.getDecoder()
                .decode(post("/v1/embeddings", start + ",\"encoding_format\":\"base64\"}")
                        .at("/data/0/embedding")
                        .asText());
        FloatBuffer floats =
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        for (double number : numbers) {
            assertThat((double) floats.get()).isCloseTo(number, within(1e-5));
        }
        assertThat(floats.hasRemaining()).isFalse();
    }

    @Test
    void theVersionNeedsNothing() throws Exception {
        assertThat(server.json(server.get("/version")).path("version").isTextual())
                .isTrue();
    }

    @Test
    void theBaseModelCannotBeDeleted() throws Exception {
        HttpResponse<String> answer = server.delete("/v1/models/sample");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(server.delete("/v1/models/nobody").statusCode()).isEqualTo(404);
    }
}

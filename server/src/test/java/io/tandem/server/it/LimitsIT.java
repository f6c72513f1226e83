package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.it.RawHttp.Answer;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A refusal names the limit, the setting that gives it or the field that is wrong, and the request. */
@Timeout(120)
class LimitsIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";

    @TempDir
    private static Path directory;

    private static RunningServer server;
    private static String file;

    @BeforeAll
    static void start() throws Exception {
        server = RunningServer.start(directory);
        file = server.upload("train.jsonl", TrainingFiles.chats(4));
        TinyModel model = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
        new AdapterClient(server, directory)
                .create("mine", TinyAdapters.random(model.config(), LoraConfig.allLinears(), 2, 1));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static JsonNode refused(HttpResponse<String> answer, int status, String param) throws Exception {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        JsonNode error = new JsonMapper().readTree(answer.body()).path("error");
        assertThat(error.path("param").asText("null")).as(answer.body()).isEqualTo(param);
        return error;
    }

    private static HttpResponse<String> job(String path, String fields) throws Exception {
        return server.post(path, "{\"model\":\"tiny\",\"training_file\":\"" + file + "\"," + fields + "}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    /v1/completions      | prompt   | "prompt":"%s"
                    /v1/chat/completions | messages | "messages":[{"role":"user","content":"%s"}]
                    """)
    void longPromptsNameTheirFieldAndTheSetting(String path, String field, String prompt) throws Exception {
        String text = "a".repeat(RunningServer.CONTEXT + 1);
        JsonNode error = refused(server.post(path, "{\"model\":\"tiny\"," + prompt.formatted(text) + "}"), 400, field);
        assertThat(error.path("code").asText()).isEqualTo("context_length_exceeded");
        assertThat(error.path("message").asText())
                .contains("may have " + RunningServer.CONTEXT + " (kernels.context-tokens); the model allows ");
        text = "a".repeat(100_000);
        error = refused(server.post(path, "{\"model\":\"tiny\"," + prompt.formatted(text) + "}"), 400, field);
        assertThat(error.path("message").asText()).contains("kernels.context-tokens");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    /v1/completions      | max_tokens            | 0 | "prompt":"a"
                    /v1/chat/completions | max_tokens            | 1 | "messages":[{"role":"user","content":"a"}]
                    /v1/chat/completions | max_completion_tokens | 1 | "messages":[{"role":"user","content":"a"}]
                    """)
    void longAnswersNameTheSetting(String path, String field, int least, String prompt) throws Exception {
        int tooMany = RunningServer.CONTEXT + 1;
        String body = "{\"model\":\"tiny\"," + prompt + ",\"" + field + "\":" + tooMany + "}";
        assertThat(refused(server.post(path, body), 400, field).path("message").asText())
                .isEqualTo("'" + field + "' must be from " + least + " to " + RunningServer.CONTEXT
                        + " (kernels.context-tokens).");
    }

    @ParameterizedTest
    @ValueSource(strings = {JOBS, JOBS + "/dry_run"})
    void ranksThatTheDeviceCannotHoldAreRefusedAtOnce(String path) throws Exception {
        JsonNode error = refused(job(path, "\"hyperparameters\":{\"rank\":128}"), 400, "rank");
        assertThat(error.path("message").asText()).isEqualTo("'rank' is 128, kernels.max-rank is 16.");
        assertThat(server.json(server.get(JOBS)).path("data")).isEmpty();
    }

    @Test
    void largeBodiesAreToldTheLimit() throws Exception {
        String body = "x".repeat(2 << 20);
        String limit = "The body has more than 1048576 bytes, the limit of http.max-body-bytes.";
        JsonNode error = refused(server.post("/v1/completions", body), 413, "null");
        assertThat(error.path("message").asText()).isEqualTo(limit);
        String chunked = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n200000\r\n" + body + "\r\n0\r\n\r\n";
        Answer answer = RawHttp.exchange(server.port(), chunked);
        assertThat(answer.status()).isEqualTo(413);
        assertThat(answer.body()).contains(limit);
        assertThat(server.tryUpload("a", body).body()).contains("the limit of http.max-upload-bytes");
    }

    @Test
    void anAdapterAsBaseOfAJobIsToldWhereItBelongs() throws Exception {
        HttpResponse<String> answer = server.post(JOBS, "{\"model\":\"mine\",\"training_file\":\"" + file + "\"}");
        assertThat(refused(answer, 400, "model").path("message").asText())
                .contains("'under': [\"mine\"]")
                .contains("--under");
        answer = server.post(JOBS, "{\"model\":\"nobody\",\"training_file\":\"" + file + "\"}");
        assertThat(refused(answer, 404, "model").path("code").asText()).isEqualTo("model_not_found");
    }

    @Test
    void whatIsNotTrainedHereIsSaidSo() throws Exception {
        JsonNode error =
                refused(job(JOBS, "\"method\":{\"type\":\"reinforcement\",\"reinforcement\":{}}"), 400, "method.type");
        assertThat(error.path("message").asText()).contains("must be 'supervised', 'dpo', 'search' or 'distill'");
        error = refused(job(JOBS, "\"integrations\":[{\"type\":\"wandb\"}]"), 400, "integrations");
        assertThat(error.path("code").asText()).isEqualTo("unsupported_parameter");
        assertThat(error.path("message").asText()).contains("TensorBoard");
    }

    @Test
    void refusedFieldsHaveOpenAisCode() throws Exception {
        String start = "{\"model\":\"tiny\",\"prompt\":\"a\",";
        for (String field : new String[] {"\"use_beam_search\":true", "\"suffix\":\"b\""}) {
            HttpResponse<String> answer = server.post("/v1/completions", start + field + "}");
            assertThat(refused(answer, 400, field.split("\"")[1]).path("code").asText())
                    .isEqualTo("unsupported_parameter");
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    tinny  | Did you mean 'tiny'?
                    mime   | Did you mean 'mine
                    gpt-4o-mini | The base model is 'tiny';
                    default | The base model is 'tiny';
                    """)
    void onlyNearNamesAreNear(String name, String hint) throws Exception {
        HttpResponse<String> answer = server.post("/v1/completions", "{\"model\":\"" + name + "\",\"prompt\":\"a\"}");
        assertThat(refused(answer, 404, "model").path("message").asText()).contains(hint);
    }

    @Test
    void fieldsOfFormsAreNamedAsTheyAre() throws Exception {
        String form = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\r\nx\r\n--X--\r\n";
        Answer answer =
                RawHttp.post(server.port(), "/v1/adapters", form, "Content-Type: multipart/form-data; boundary=X");
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains("\"'name' is required.\"").contains("\"param\":\"name\"");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/health", "/v1/models", "/nope", "/v1/models/nobody", "/v1/files/%zz"})
    void everyAnswerHasAnId(String path) throws Exception {
        Answer own = RawHttp.send(server.port(), "GET", path, "X-Request-Id: from-the-client");
        assertThat(own.headers("X-Request-Id")).containsExactly("from-the-client");
        String first =
                RawHttp.send(server.port(), "GET", path).header("X-Request-Id").orElseThrow();
        assertThat(first).matches("req_[0-9a-f]{32}");
        for (String odd : new String[] {"a b", "x".repeat(129), "ü"}) {
            Answer answer = RawHttp.send(server.port(), "GET", path, "X-Request-Id: " + odd);
            assertThat(answer.header("X-Request-Id").orElseThrow()).matches("req_[0-9a-f]{32}");
        }
        assertThat(RawHttp.exchange(server.port(), "GARBAGE\r\n\r\n").header("X-Request-Id"))
                .isPresent();
    }

    @Test
    void everyAnswerSaysWhatItIs() throws Exception {
        for (String path : new String[] {"/", "/metrics", "/v1/models"}) {
            assertThat(server.get(path).headers().firstValue("Content-Type"))
                    .as(path)
                    .isPresent();
        }
        HttpResponse<String> loaded =
                server.post("/v1/load_lora_adapter", "{\"lora_name\":\"other\",\"lora_path\":\"mine\"}");
        assertThat(loaded.headers().firstValue("Content-Type")).contains("text/plain; charset=utf-8");
    }
}

package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.Adapter.Site;
import io.tandem.kernels.adapter.LoraConfig;
import io.tandem.kernels.adapter.LowRank;
import io.tandem.kernels.testing.TinyAdapters;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.JsonBody;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is chosen on validation files. The losses are held against those that a job on top of the result starts with. */
@Timeout(180)
class AdapterValidationIT {
    private static final TinyModel MODEL = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3);
    private static final String JOBS = "/v1/fine_tuning/jobs";

    @TempDir
    private Path directory;

    private RunningServer server;
    private AdapterClient adapters;
    private String file;

    @BeforeEach
    void start() throws Exception {
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
        file = server.upload("valid.jsonl", TrainingFiles.chats(30));
        for (String name : List.of("a", "b")) {
            adapters.create(name, TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, name.hashCode()));
        }
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String job(String training, String under) throws Exception {
        String body = "{\"model\":\"tiny\",\"training_file\":\"" + training + "\",\"validation_file\":\"" + file
                + "\",\"hyperparameters\":{\"n_epochs\":50,\"batch_size\":1,\"under\":[" + under + "]}}";
        return server.json(server.post(JOBS, body)).path("id").asText();
    }

    /** The loss that a job on top of an adapter measures before its first step, where its own adapter does nothing. */
    private double lossUnderAJob(String name) throws Exception {
        String id = job(file, "\"" + name + "\"");
        while (true) {
            for (JsonNode event : server.json(server.get(JOBS + "/" + id + "/events?limit=1000"))
                    .path("data")) {
                JsonNode data = event.path("data");
                if (data.has("full_valid_loss") && data.path("step").asInt() == 0) {
                    server.json(server.post(JOBS + "/" + id + "/cancel", "{}"));
                    return data.path("full_valid_loss").asDouble();
                }
            }
            Thread.sleep(20);
        }
    }

    @Test
    void comparisonMeasuresEachModelAsAJobOnTopOfItDoes() throws Exception {
        JsonNode answer = server.json(server.post(
                "/v1/adapters/compare",
                "{\"models\":[\"tiny\",\"a\",\"b\",\"a+b\"],\"validation_file\":\"" + file + "\"}"));
        JsonNode data = answer.path("data");
        assertThat(data).hasSize(4);
        assertThat(data.path(1).path("loss").asDouble()).isCloseTo(lossUnderAJob("a"), within(1e-4));
        assertThat(data.path(2).path("loss").asDouble()).isCloseTo(lossUnderAJob("b"), within(1e-4));
        assertThat(data.path(0).path("loss").asDouble())
                .isNotCloseTo(data.path(1).path("loss").asDouble(), within(1e-3));
        assertThat(data.path(0).path("version").isNull()).isTrue();
        assertThat(data.path(3).path("version").asText()).contains("a@", "+b@");
        assertThat(data.path(0).path("token_accuracy").isNumber()).isTrue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "{\"models\":[],\"validation_file\":\"x\"}#400#models",
                "{\"models\":[1],\"validation_file\":\"x\"}#400#models",
                "{\"models\":[\"a\"]}#400#validation_file",
                "{\"models\":[\"a\"],\"validation_file\":\"file-none\"}#400#validation_file",
                "{\"models\":[\"nobody\"],\"validation_file\":\"x\"}#404#models",
                "{\"models\":[\"a\"],\"validation_file\":\"x\",\"n\":1}#400#n",
            })
    void aWrongComparisonNamesItsField(String body, int status, String field) throws Exception {
        HttpResponse<String> answer = server.post("/v1/adapters/compare", body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        assertThat(JsonBody.MAPPER.readTree(answer.body()).at("/error/param").asText())
                .isEqualTo(field);
    }

    @Test
    void compressionTakesTheScaleWithTheSmallestLoss() throws Exception {
        double before = lossUnderAJob("a");
        JsonNode report = adapters.act("a", "compress", "{\"density\":0.3,\"validation_file\":\"" + file + "\"}");
        JsonNode validation = report.path("validation");
        assertThat(validation.path("original_loss").asDouble()).isCloseTo(before, within(1e-4));
        assertThat(validation.path("loss").asDouble()).isCloseTo(lossUnderAJob("a"), within(1e-4));
        List<JsonNode> candidates = StreamSupport.stream(
                        validation.path("candidates").spliterator(), false)
                .toList();
        assertThat(candidates).hasSize(10);
        double best = candidates.stream()
                .map(candidate -> candidate.path("loss"))
                .filter(JsonNode::isNumber)
                .mapToDouble(JsonNode::asDouble)
                .min()
                .orElseThrow();
        assertThat(validation.path("loss").asDouble()).isEqualTo(best);
        JsonNode chosen = candidates.stream()
                .filter(candidate -> candidate.path("loss").asDouble() == best)
                .findFirst()
                .orElseThrow();
        if (chosen.has("alpha")) {
            assertThat(report.path("alpha").asDouble())
                    .isCloseTo(chosen.path("alpha").asDouble(), within(1e-9));
        }
        assertThat(report.path("ratio_on_disk").asDouble()).isGreaterThan(8);
        assertThat(adapters.get("a").at("/report/compression/validation/loss").asDouble())
                .isEqualTo(best);
    }

    @Test
    void aLossThatIsNoNumberIsToldAsNone() throws Exception {
        Adapter tame = TinyAdapters.random(MODEL.config(), LoraConfig.allLinears(), 4, 1);
        Map<Site, LowRank> modules = new TreeMap<>();
        tame.factors()
                .forEach((site, f) -> modules.put(
                        site, new LowRank(f.rank(), f.inputs(), f.outputs(), huge(f.a()), huge(f.b()), f.scaling())));
        server.close();
        AdapterClient.publishUnchecked(directory, MODEL.config(), "wild", new Adapter(tame.config(), modules));
        server = RunningServer.start(directory);
        adapters = new AdapterClient(server, directory);
        JsonNode validation = adapters.act("wild", "compress", "{\"validation_file\":\"" + file + "\"}")
                .path("validation");
        assertThat(validation.path("original_loss").isNull()).isTrue();
        assertThat(validation.path("loss").isNull()).isTrue();
        assertThat(validation.path("candidates")).hasSize(10);
        assertThat(adapters.text("a")).isNotEmpty();
    }

    /** So large that products of two leave the range of float32. */
    private static float[] huge(float[] values) {
        float[] scaled = new float[values.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = 1e25f * values[i];
        }
        return scaled;
    }

    @Test
    void aMergesWeightsAreLookedForFromTheGivenOnes() throws Exception {
        String spec = "\"ids\":[\"a\",\"b\"],\"merge_strategy\":\"pcb\",\"density\":0.4,\"seed\":5";
        server.json(server.post("/v1/adapters/merge", "{\"name\":\"given\"," + spec + "}"));
        JsonNode found = server.json(server.post(
                        "/v1/adapters/merge",
                        "{\"name\":\"found\",\"evaluations\":12,\"validation_file\":\"" + file + "\"," + spec + "}"))
                .at("/merge/validation");
        assertThat(found.path("evaluations").asInt()).isEqualTo(12);
        assertThat(found.path("exact_match").asDouble() - found.path("loss").asDouble())
                .isGreaterThan(found.path("given_exact_match").asDouble()
                        - found.path("given_loss").asDouble());
        assertThat(found.path("given_loss").asDouble()).isCloseTo(lossUnderAJob("given"), within(1e-4));
        assertThat(found.path("loss").asDouble()).isCloseTo(lossUnderAJob("found"), within(1e-4));
        double[] weights = StreamSupport.stream(found.path("weights").spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
        assertThat(weights).hasSize(2);
        assertThat(DoubleStream.of(weights).boxed()).allMatch(weight -> weight >= 0.5 && weight <= 3);
    }

    @Test
    void jobsThatTrainKeepNobodyWaiting() throws Exception {
        String endless = server.upload("train.jsonl", TrainingFiles.chats(2000));
        List<String> jobs = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            jobs.add(job(endless, ""));
        }
        adapters.act("a", "compress", "{\"validation_file\":\"" + file + "\"}");
        for (String id : jobs) {
            JsonNode state = server.json(server.get(JOBS + "/" + id));
            assertThat(state.path("finished_at").isNull()).as(state.toString()).isTrue();
            server.json(server.post(JOBS + "/" + id + "/cancel", "{}"));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    validation_file | a/compress | {"validation_file":"file-none"}
                    validation_file | a/compress | {"validation_file":"PAIRS"}
                    validation_file | a/compress | {"validation_file":"BROKEN"}
                    validation_file | a/compress | {"validation_file":7}
                    alpha           | a/compress | {"validation_file":"VALID","alpha":2}
                    validation_file | merge      | {"name":"ab","ids":["a","b"],"validation_file":"file-none"}
                    validation_file | merge      | {"name":"ab","ids":["a"],"merge_strategy":"ternary_ties","validation_file":"VALID"}
                    evaluations     | merge      | {"name":"ab","ids":["a","b"],"evaluations":5}
                    evaluations     | merge      | {"name":"ab","ids":["a","b"],"validation_file":"VALID","evaluations":0}
                    """)
    void whatCannotBeMeasuredNamesTheField(String field, String action, String body) throws Exception {
        String sent = body.replace("VALID", file)
                .replace("PAIRS", server.upload("pairs.jsonl", TrainingFiles.preferences(4)))
                .replace("BROKEN", server.upload("broken.jsonl", "{\"messages\":[]}\n"));
        HttpResponse<String> answer = server.post("/v1/adapters/" + action, sent);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(AdapterClient.error(answer).path("param").asText()).isEqualTo(field);
        assertThat(adapters.get("a").path("versions")).hasSize(1);
    }
}

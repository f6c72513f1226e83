package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.kernels.KernelsConfig;
import io.tandem.kernels.LoadProgress;
import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.kernels.family.ModelConfigReader;
import io.tandem.kernels.model.Dtype;
import io.tandem.kernels.model.ModelConfig;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.scheduler.SchedulerConfig;
import io.tandem.scheduler.SchedulerConfig.Drafts;
import io.tandem.scheduler.SchedulerConfig.Finetuning;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Speculation;
import io.tandem.scheduler.SchedulerConfig.Targets;
import io.tandem.server.Application;
import io.tandem.server.config.AdaptersConfig;
import io.tandem.server.config.BatchesConfig;
import io.tandem.server.config.FinetuneConfig;
import io.tandem.server.config.HttpAccess;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.config.HttpConfig.OnUnknownField;
import io.tandem.server.config.HttpLimits;
import io.tandem.server.config.OperationConfig;
import io.tandem.server.config.ParserConfig;
import io.tandem.server.config.SamplingConfig;
import io.tandem.server.config.ServerConfig;
import io.tandem.server.config.StorageConfig;
import io.tandem.server.storage.blob.S3Address;
import io.tandem.server.storage.blob.TestS3;
import io.tandem.server.storage.document.PostgresAddress;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** The whole server over a tiny model, on a free port. */
final class RunningServer implements AutoCloseable {
    static final String MODEL = "tiny";
    /** The folder of a model that jobs may learn from. */
    static final String TEACHER = "teacher";

    static final int CONTEXT = 256;
    /** The property with the address of a database of documents. */
    static final String DOCUMENTS = "tandem.test.documents";
    /** The property with the address of a bucket for blobs. */
    static final String BLOBS = "tandem.test.blobs";

    private static final Speculation SPECULATION = new Speculation(Drafts.PROMPT_LOOKUP, 8);

    private final Path directory;
    private final Path model;
    private final Application application;
    private final Optional<String> key;
    private final HttpClient client = HttpClient.newHttpClient();
    private Contract contract;

    private RunningServer(Path directory, Path model, Application application, Optional<String> key) {
        this.directory = directory;
        this.model = model;
        this.application = application;
        this.key = key;
    }

    /** The same server as somebody with a key sees it. */
    RunningServer as(String otherKey) {
        return new RunningServer(directory, model, application, Optional.of(otherKey));
    }

    /** What tests set; the rest is the same for all. */
    private static final class Settings {
        private int fixedWindowTokens;
        private Optional<Path> teacher = Optional.empty();
        private int concurrentJobs = 2;
        private long trainingMemoryBytes;
        private long uploadRate = HttpConfig.UPLOAD_RATE;
        private AdaptersConfig adapters = AdaptersConfig.DEFAULT;
        private HttpAccess access = HttpAccess.LOCAL;
        private FinetuneConfig finetune = FinetuneConfig.DEFAULT;
        private SamplingConfig sampling = SamplingConfig.DEFAULT;
        private BatchesConfig batches = BatchesConfig.DEFAULT;
        private Speculation speculation = SPECULATION;
        private Map<String, String> environment = TestS3.environment();
    }

    /** @param directory gets a model, if there is none, and keeps the server's data */
    static RunningServer start(Path directory) throws IOException {
        return start(directory, settings -> {});
    }

    /** With fine-tuning windows of one size, so that jobs repeat bit for bit. */
    static RunningServer start(Path directory, int fixedWindowTokens) throws IOException {
        return start(directory, settings -> settings.fixedWindowTokens = fixedWindowTokens);
    }

    /** The same with so many jobs that train at once, and the directory's teacher, if it has one. */
    static RunningServer start(Path directory, int fixedWindowTokens, int concurrentJobs) throws IOException {
        return start(directory, settings -> {
            settings.fixedWindowTokens = fixedWindowTokens;
            settings.concurrentJobs = concurrentJobs;
            settings.teacher = Optional.of(directory.resolve(TEACHER)).filter(Files::exists);
        });
    }

    /** With a limit on what fine-tuning may take. */
    static RunningServer withTrainingMemory(Path directory, long bytes) throws IOException {
        return start(directory, settings -> settings.trainingMemoryBytes = bytes);
    }

    static RunningServer withUploadRate(Path directory, long bytesPerSecond) throws IOException {
        return start(directory, settings -> settings.uploadRate = bytesPerSecond);
    }

    static RunningServer start(Path directory, AdaptersConfig adapters) throws IOException {
        return start(directory, settings -> settings.adapters = adapters);
    }

    static RunningServer start(Path directory, HttpAccess access) throws IOException {
        return start(directory, settings -> settings.access = access);
    }

    /** With a limit on the checkpoints that jobs leave. */
    static RunningServer start(Path directory, FinetuneConfig finetune) throws IOException {
        return start(directory, settings -> settings.finetune = finetune);
    }

    /** With limits of batches. */
    static RunningServer start(Path directory, BatchesConfig batches) throws IOException {
        return start(directory, settings -> settings.batches = batches);
    }

    /** With or without drafts. */
    static RunningServer start(Path directory, Speculation speculation) throws IOException {
        return start(directory, settings -> settings.speculation = speculation);
    }

    /** With environment variables for what is fetched from elsewhere. */
    static RunningServer start(Path directory, AdaptersConfig adapters, Map<String, String> environment)
            throws IOException {
        return start(directory, settings -> {
            settings.adapters = adapters;
            settings.environment = environment;
        });
    }

    /** With a model that jobs may learn from, and windows of one size. */
    static RunningServer withTeacher(Path directory, Path teacher) throws IOException {
        return start(directory, settings -> {
            settings.teacher = Optional.of(teacher);
            settings.fixedWindowTokens = 16;
        });
    }

    private static RunningServer start(Path directory, Consumer<Settings> set) throws IOException {
        Path model = directory.resolve(MODEL);
        if (!model.toFile().exists()) {
            TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(model);
        }
        return start(directory, model, set);
    }

    /** @param directory keeps the server's data */
    static RunningServer start(Path directory, Path model) throws IOException {
        return start(directory, model, settings -> {});
    }

    /** The same whose tokens leave a recursive model when it is so sure. */
    static RunningServer start(Path directory, Path model, double earlyExit) throws IOException {
        return start(directory, model, settings -> settings.sampling = new SamplingConfig(true, earlyExit));
    }

    private static RunningServer start(Path directory, Path model, Consumer<Settings> set) throws IOException {
        Settings settings = new Settings();
        set.accept(settings);
        ServerConfig config = new ServerConfig(
                new HttpConfig(
                        "127.0.0.1",
                        0,
                        1 << 20,
                        1 << 20,
                        settings.uploadRate,
                        OnUnknownField.IGNORE,
                        settings.access,
                        HttpLimits.DEFAULT),
                OperationConfig.DEFAULT,
                directory.resolve("data"),
                new StorageConfig(
                        Optional.ofNullable(System.getProperty(DOCUMENTS))
                                .map(address -> new PostgresAddress(address, Optional.empty())),
                        Optional.ofNullable(System.getProperty(BLOBS)).map(S3Address::of),
                        StorageConfig.EMBEDDED.cacheBytes()),
                model,
                Optional.empty(),
                settings.sampling,
                ParserConfig.DEFAULT,
                directory.resolve("import"),
                settings.trainingMemoryBytes,
                settings.finetune,
                settings.batches,
                settings.adapters,
                new SchedulerConfig(
                        new Targets(50, 2000, 5),
                        new Finetuning(256, 0.05, settings.fixedWindowTokens, Mode.CO_SERVING, 64),
                        64,
                        0,
                        64,
                        4,
                        settings.concurrentJobs,
                        settings.speculation),
                new KernelsConfig(
                                Dtype.FLOAT32,
                                WeightForm.PLAIN,
                                1,
                                8,
                                CONTEXT,
                                512,
                                settings.concurrentJobs + 2,
                                16,
                                512,
                                Stash.KEEP)
                        .withFullModules(2)
                        .withTeacher(settings.teacher));
        return new RunningServer(
                directory, model, Application.start(config, settings.environment, LoadProgress.NONE), Optional.empty());
    }

    /** That {@link #as} has. */
    String key() {
        return key.orElseThrow();
    }

    /** The base model. */
    ModelConfig model() {
        return ModelConfigReader.read(model);
    }

    String url() {
        return "http://127.0.0.1:" + application.port();
    }

    int port() {
        return application.port();
    }

    int openRequests() {
        return application.openRequests();
    }

    /** What the server says of itself. */
    Contract contract() throws IOException, InterruptedException {
        if (contract == null) {
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(url() + "/openapi.json")).build();
            contract = new Contract(json(client.send(request, BodyHandlers.ofString())));
        }
        return contract;
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(URI.create(url() + path)), "");
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return send(
                HttpRequest.newBuilder(URI.create(url() + path))
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString(body)),
                body);
    }

    HttpResponse<String> delete(String path) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(URI.create(url() + path)).DELETE(), "");
    }

    /** A request that has the key of {@link #as}, if there is one. */
    HttpRequest.Builder withKey(HttpRequest.Builder builder) {
        key.ifPresent(secret -> builder.setHeader("Authorization", "Bearer " + secret));
        return builder;
    }

    /** Every request that a test sends, and its answer, has to be as the server describes it. */
    private HttpResponse<String> send(HttpRequest.Builder builder, String body)
            throws IOException, InterruptedException {
        HttpRequest request = withKey(builder).build();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        String type = answer.headers().firstValue("Content-Type").orElse("");
        URI uri = request.uri();
        contract().check(request.method(), uri.getRawPath(), body, answer.statusCode(), type, answer.body());
        return answer;
    }

    /** The body of an answer that must be 200. */
    JsonNode json(HttpResponse<String> answer) throws IOException {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return new JsonMapper().readTree(answer.body());
    }

    /** The events of a stream that must be 200, but for the one that ends it. */
    List<JsonNode> events(HttpResponse<String> answer) throws IOException {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        List<JsonNode> events = new ArrayList<>();
        for (String line : answer.body().lines().toList()) {
            if (line.startsWith("data: {")) {
                events.add(new JsonMapper().readTree(line.substring("data: ".length())));
            }
        }
        return events;
    }

    /** Uploads a file for fine-tuning; returns its id. */
    String upload(String name, String content) throws IOException, InterruptedException {
        return json(tryUpload(name, content)).path("id").asText();
    }

    HttpResponse<String> tryUpload(String name, String content) throws IOException, InterruptedException {
        return tryUpload(name, "fine-tune", content);
    }

    HttpResponse<String> tryUpload(String name, String purpose, String content)
            throws IOException, InterruptedException {
        String body = "--part\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n" + purpose + "\r\n"
                + "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n"
                + content + "\r\n--part--\r\n";
        return send(
                HttpRequest.newBuilder(URI.create(url() + "/v1/files"))
                        .header("Content-Type", "multipart/form-data; boundary=part")
                        .POST(BodyPublishers.ofString(body)),
                body);
    }

    /** What the server wrote under an adapter's name. */
    Adapter adapter(String name, ModelConfig model) throws IOException, InterruptedException {
        String hash = json(get("/v1/adapters/" + name))
                .path("versions")
                .path(0)
                .path("hash")
                .asText();
        Path own = directory.resolve("data/adapters").resolve(name.replace(":", "%3A"));
        return PeftFormat.read(own.resolve(hash), model, 16);
    }

    @Override
    public void close() {
        application.close();
    }
}

package io.tandem.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.tandem.kernels.Stash;
import io.tandem.kernels.WeightForm;
import io.tandem.kernels.WeightForms;
import io.tandem.kernels.model.Dtype;
import io.tandem.scheduler.SchedulerConfig.Mode;
import io.tandem.scheduler.SchedulerConfig.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigLoaderTest {
    private static final Path HOME = Path.of("..");
    private final ConfigLoader loader = new ConfigLoader(HOME, Map.of());

    @TempDir
    Path directory;

    @Test
    void defaultFileSaysWhatTheCodeSays() {
        assertThat(loader.load(Optional.of(loader.standardFile()), Map.of()))
                .isEqualTo(loader.load(Optional.empty(), Map.of()));
    }

    @Test
    void defaultFileHasEveryKey() throws IOException {
        String file = Files.readString(loader.standardFile());
        assertThat(loader.keys()).allSatisfy(key -> {
            String name = key.substring(key.indexOf('.') + 1);
            assertThat(file.lines().map(line -> line.strip().replaceFirst("^# ", "")))
                    .anyMatch(line -> line.startsWith(name + ": "));
        });
    }

    static Stream<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(HOME.resolve("config"))) {
            return all.filter(path -> path.toString().endsWith(".yaml")).toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void everyFileLoads(Path file) {
        assertThat(loader.load(Optional.of(file), Map.of()).http().port()).isPositive();
    }

    @Test
    void readsEveryKind() throws IOException {
        ServerConfig config = load("""
                http: {port: 1234, max-upload-bytes: 5000000000}
                adapters: {host-memory-bytes: 1000, compress-after: 86400}
                scheduler:
                  tpot-target: 12.5
                  mode: temporal
                  finetune-floor: 0.25
                kernels:
                  dtype: float32
                  stash: recompute
                model: some/where
                """);
        assertThat(config.http().port()).isEqualTo(1234);
        assertThat(config.http().maxUploadBytes()).isEqualTo(5_000_000_000L);
        assertThat(config.adapters().hostMemoryBytes()).isEqualTo(1000);
        assertThat(config.adapters().compressAfterSeconds()).isEqualTo(86400);
        assertThat(config.scheduler().targets().tpotMillis()).isEqualTo(12.5);
        assertThat(config.scheduler().finetuning().mode()).isEqualTo(Mode.TEMPORAL);
        assertThat(config.scheduler().finetuning().floor()).isEqualTo(0.25);
        assertThat(config.kernels().dtype()).isEqualTo(Dtype.FLOAT32);
        assertThat(config.kernels().stash()).isEqualTo(Stash.RECOMPUTE);
        assertThat(config.servedName()).isEqualTo("where");
    }

    @Test
    void sourcesOfAdaptersHaveNamesOfTheirOwn() throws IOException {
        SourcesConfig sources = load("""
                adapters:
                  sources: {tone: "hf://org/adapters@v1/tone", team/json: s3://bucket/json}
                  allow-sources: ["hf://org/"]
                """).adapters().sources();
        assertThat(sources.named())
                .isEqualTo(Map.of("tone", "hf://org/adapters@v1/tone", "team/json", "s3://bucket/json"));
        assertThat(sources.allows("hf://org/x")).isTrue();
        assertThat(sources.allows("hf://organ/x")).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sources: {tone: 'https://a/b'} | adapters.sources.tone is 'https://a/b', expected hf://",
                "sources: {tone: 'hf://org/../x'} | adapters.sources.tone is",
                "sources: {'a b': 'hf://a/b'} | adapters.sources.a b is not a possible name",
                "sources: {tone: 1} | adapters.sources.tone is 1, expected text",
                "sources: tone | adapters.sources is",
                "allow-sources: ['http://'] | adapters.allow-sources has 'http://'",
                "max-download-bytes: 0 | adapters.max-download-bytes is 0",
            })
    void aSourceThatIsNoneIsNamed(String line, String message) {
        assertThatThrownBy(() -> load("adapters: {" + line + "}")).hasMessageContaining(message);
    }

    @Test
    void targetsAreInMilliseconds() throws IOException {
        assertThat(load("scheduler: {tpot-target: 30}").scheduler().targets()).isEqualTo(new Targets(30, 2000, 5));
        assertThat(load("scheduler: {tpot-target: 30, ttft-target: 700}")
                        .scheduler()
                        .targets())
                .isEqualTo(new Targets(30, 700, 5));
    }

    @Test
    void flagsWin() throws IOException {
        Path file = write("http: {port: 1234}");
        assertThat(loader.load(Optional.of(file), Map.of("http.port", 99))
                        .http()
                        .port())
                .isEqualTo(99);
    }

    @Test
    void theEnvironmentWinsOverTheFile() throws IOException {
        Path file = write("kernels: {weight-form: packed}");
        assertThat(weightForm(file, "plain")).isEqualTo(WeightForms.of(WeightForm.PLAIN));
        assertThat(weightForm(file, "")).isEqualTo(WeightForms.of(WeightForm.PACKED));
        assertThatThrownBy(() -> weightForm(file, "Plain"))
                .isInstanceOf(ConfigException.class)
                .hasMessage(
                        "TANDEM_WEIGHT_FORM: kernels.weight-form is \"Plain\", expected auto or plain or packed or float16 or int8 or int4");
    }

    private static WeightForms weightForm(Path file, String variable) {
        return new ConfigLoader(Path.of("."), Map.of("TANDEM_WEIGHT_FORM", variable))
                .load(Optional.of(file), Map.of())
                .kernels()
                .weights();
    }

    @Test
    void emptyFilesAndSectionsMeanDefaults() throws IOException {
        assertThat(load("# nothing\n")).isEqualTo(loader.load(Optional.empty(), Map.of()));
        assertThat(load("http:\n  # port: 1\n")).isEqualTo(loader.load(Optional.empty(), Map.of()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            http: {prot: 1}                    | unknown key http.prot; did you mean http.port?
            htpp: {port: 1}                    | unknown key htpp.port; did you mean http.port?
            scheduler: {tpotTarget: 5}         | unknown key scheduler.tpotTarget; did you mean scheduler.tpot-target?
            port: 1                            | unknown key port; did you mean
            http: {port: eighty}               | http.port is "eighty", expected a whole number
            http: {port: 80.5}                 | http.port is 80.5, expected a whole number
            http: {port: 99999999999}          | http.port is 99999999999, expected a whole number
            http: {port: 70000}                | http.port is 70000, expected 0 to 65535
            http: {port: }                     | http.port is empty, expected a whole number
            http: {host: 5}                    | http.host is 5, expected text
            http: {hosts: tandem.example}      | http.hosts is "tandem.example", expected a list of texts
            http: {hosts: [5]}                 | http.hosts is [5], expected a list of texts
            http: {hosts: ["a.example:80"]}    | http.hosts has "a.example:80", expected names or addresses without a scheme
            http: {hosts: ["http://a.example"]} | http.hosts has "http://a.example", expected names
            http: {hosts: ["*"]}               | http.hosts has "*", expected names
            http: {cors-origins: ["*"]}        | http.cors-origins has "*", expected origins without a path
            http: {cors-origins: ["null"]}     | http.cors-origins has "null", expected origins
            http: {cors-origins: [a.example]}  | http.cors-origins has "a.example", expected origins
            http: {cors-origins: ["https://a.example/"]} | http.cors-origins has "https://a.example/", expected origins
            http: {allow-anonymous: please}    | http.allow-anonymous is "please", expected true or false
            http: {idle-timeout: 0}            | http.idle-timeout is 0, expected 1 to 86400 seconds
            http: {body-timeout: 86401}        | http.body-timeout is 86401, expected 1 to 86400 seconds
            http: {write-timeout: soon}        | http.write-timeout is "soon", expected a whole number
            http: {max-connections: 0}         | http.max-connections is 0, expected 1 to 1000000
            early-exit: 0                      | early-exit is 0.0, expected more than 0 and at most 1
            early-exit: 1.5                    | early-exit is 1.5, expected more than 0 and at most 1
            early-exit: soon                   | early-exit is "soon", expected a number
            server: {drain-timeout: -1}        | server.drain-timeout is -1, expected 0 to 86400 seconds
            server: {stall-timeout: 1e9}       | server.stall-timeout is 1.0E9, expected 0 to 86400 seconds
            tls: {certificate: a.pem}          | tls.certificate is set alone, expected tls.certificate and tls.key together
            tls: {key: a.pem}                  | tls.key is set alone, expected tls.certificate and tls.key together
            jwt: {issuer: a, audience: b}      | jwt.issuer is set, expected jwt.issuer, jwt.audience and jwt.jwks together
            jwt: {issuer: a, audience: b, jwks: "http://a.example/k"} | jwt.jwks is http://a.example/k, expected an https:// address
            http: 8080                         | http is 8080, expected a section
            adapters: {compress-density: 0}    | adapters.compress-density is 0.0, expected more than 0, at most 1
            adapters: {host-memory-bytes: -1}  | adapters.host-memory-bytes is -1, expected 0 or more
            scheduler: {tpot-target: -5}       | scheduler.tpot-target is -5.0, expected more than 0
            scheduler: {ttft-target: 0}        | scheduler.ttft-target is 0.0, expected more than 0
            scheduler: {tenant-delay: -1}      | scheduler.tenant-delay is -1.0, expected 0 or more milliseconds
            scheduler: {finetune-floor: 1}     | scheduler.finetune-floor is 1.0, expected 0 to 0.9
            scheduler: {finetune-floor: half}  | scheduler.finetune-floor is "half", expected a number
            scheduler: {mode: spatial}         | scheduler.mode is "spatial", expected co-serving or temporal
            scheduler: {temporal-interval: 0}  | scheduler.temporal-interval is 0, expected 1 or more
            scheduler: {fixed-window-tokens: 993} | scheduler.fixed-window-tokens is 993, expected at most 992
            scheduler: {tpot-target: .nan}     | invalid YAML: Malformed numeric value
            kernels: {dtype: int8} | kernels.dtype is "int8", expected auto or float32 or bfloat16; for weights in other types set kernels.weight-form
            kernels: {weight-form: fast}       | kernels.weight-form is "fast", expected auto or plain or packed or float16 or int8 or int4
            kernels: {kv-slots: true}          | kernels.kv-slots is true, expected a whole number
            kernels: {kv-slots: 0}             | kernels.kv-slots is 0, expected 1 to 4096
            data: [a]                          | data is [a], expected text
            - a                                | not a YAML mapping
            http: {port: 1                     | invalid YAML
            http: {port: 1, port: 2}           | Duplicate field 'port'
            """)
    void refusesByNameWithFoundAndExpected(String yaml, String message) throws IOException {
        Path file = write(yaml);
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageStartingWith(file + ":1: ")
                .hasMessageContaining(message)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void namesTheLine() throws IOException {
        Path file =
                write("# first\nhttp:\n  host: localhost\n\n  port: eighty\nscheduler:\n  mode: temporal\n  mode: x\n");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of())).hasMessageStartingWith(file + ":8: ");
        write("http:\n  host: localhost\n\n  port: eighty\n");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                .hasMessage(file + ":4: http.port is \"eighty\", expected a whole number");
        write("http:\n  port: 70000\n");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                .hasMessageStartingWith(file + ":2: http.port is 70000");
        write("http:\n  port: 1\n---\nhttp:\n  port: 2\n");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of())).hasMessageContaining("a second document");
    }

    @Test
    void saysWhenAFlagIsToBlame() throws IOException {
        Path file = write("http: {port: 1234}");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of("http.port", -1)))
                .hasMessage("command line: http.port is -1, expected 0 to 65535");
    }

    @Test
    void theKeyIsNeverShown() throws IOException {
        ServerConfig config = load("http: {api-key: sk-secret}");
        assertThat(config.toString()).doesNotContain("secret").doesNotContain("[B@");
        assertThat(config.http().access().apiKey().orElseThrow().matches("sk-secret"))
                .isTrue();
        assertThat(config.http().access().apiKey().orElseThrow().matches("sk-secre"))
                .isFalse();
        for (String wrong : List.of("4711", "[sk-4711]", "'sk 4711'", "'4711ü'", "'" + "4711".repeat(4096) + "'")) {
            Path file = write("http: {api-key: " + wrong + "}");
            assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageStartingWith(file + ":1: http.api-key ")
                    .message()
                    .doesNotContain("4711");
        }
    }

    @Test
    void theDatabasesPasswordIsNeverShown() throws IOException {
        String address = "postgresql://tandem:geheim@db.example:5433/tandem?sslmode=require";
        ServerConfig config = load("storage: {documents: '" + address + "'}");
        assertThat(config.storage().database()).isPresent();
        assertThat(config.toString()).contains("db.example/tandem").doesNotContain("geheim");
        assertThat(load("storage: {documents: sqlite}").storage()).isEqualTo(load("").storage());
        assertThat(new ConfigLoader(HOME, Map.of("TANDEM_DOCUMENTS", "sqlite", "PGPASSWORD", "geheim"))
                        .load(Optional.of(write("storage: {documents: '" + address + "'}")), Map.of())
                        .storage()
                        .database())
                .isEmpty();
        for (String wrong :
                List.of("mysql://tandem:geheim@db/tandem", "postgresql://geheim@/x", "geheim", "postgresql:geheim")) {
            Path file = write("storage: {documents: '" + wrong + "'}");
            assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageStartingWith(file + ":1: storage.documents is neither sqlite nor an address")
                    .message()
                    .doesNotContain("geheim");
        }
    }

    @Test
    void blobsAreOnTheDiskOrInABucket() throws IOException {
        assertThat(load("").storage().bucket()).isEmpty();
        assertThat(load("storage: {blobs: disk}").storage()).isEqualTo(load("").storage());
        ServerConfig config = load("storage: {blobs: 's3://a-bucket/b/c', blob-cache-bytes: 5}");
        assertThat(config.storage().bucket().orElseThrow()).hasToString("s3://a-bucket/b/c/");
        assertThat(config.storage().cacheBytes()).isEqualTo(5);
        assertThat(new ConfigLoader(HOME, Map.of("TANDEM_BLOBS", "disk"))
                        .load(Optional.of(write("storage: {blobs: 's3://a-bucket'}")), Map.of())
                        .storage()
                        .bucket())
                .isEmpty();
        for (String wrong :
                List.of("blobs: tape", "blobs: 's3:/x'", "blobs: 's3://a-bucket?colour=red'", "blobs: ''")) {
            Path file = write("storage: {" + wrong + "}");
            assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                    .as(wrong)
                    .isInstanceOf(ConfigException.class)
                    .hasMessageStartingWith(file + ":1: storage.blobs is ");
        }
        Path file = write("storage: {blob-cache-bytes: -1}");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of()))
                .hasMessageStartingWith(file + ":1: storage.blob-cache-bytes is -1");
    }

    @Test
    void theEnvironmentsKeyWins() throws IOException {
        Path file = write("http: {api-key: sk-file}");
        Optional<ApiKey> key = new ConfigLoader(HOME, Map.of("TANDEM_API_KEY", "sk-environment"))
                .load(Optional.of(file), Map.of())
                .http()
                .access()
                .apiKey();
        assertThat(key.orElseThrow().matches("sk-environment")).isTrue();
        assertThat(new ConfigLoader(HOME, Map.of("TANDEM_API_KEY", "")).load(Optional.of(file), Map.of()))
                .isEqualTo(loader.load(Optional.of(file), Map.of()));
    }

    @Test
    void readsListsOfHostsAndOrigins() throws IOException {
        HttpConfig http = load("http: {host: '::', hosts: [Tandem.Example., 10.0.0.1, 'fd00::1'],"
                        + " cors-origins: ['https://Chat.Example', 'tauri://localhost']}")
                .http();
        assertThat(http.knownHosts())
                .containsExactlyInAnyOrder(
                        "localhost", "127.0.0.1", "[::1]", "[::]", "tandem.example", "10.0.0.1", "[fd00::1]");
        assertThat(http.access().corsOrigins())
                .extracting(WebOrigin::scheme, origin -> origin.authority().host())
                .containsExactly(tuple("https", "chat.example"), tuple("tauri", "localhost"));
    }

    @Test
    void saysWhenThereIsNoFile() {
        Path file = directory.resolve("absent.yaml");
        assertThatThrownBy(() -> loader.load(Optional.of(file), Map.of())).hasMessageContaining("no such file");
    }

    private ServerConfig load(String yaml) throws IOException {
        return loader.load(Optional.of(write(yaml)), Map.of());
    }

    private Path write(String yaml) throws IOException {
        return Files.writeString(directory.resolve("test.yaml"), yaml);
    }
}

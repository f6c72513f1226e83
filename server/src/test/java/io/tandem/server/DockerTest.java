package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.storage.blob.S3Address;
import io.tandem.server.storage.document.PostgresAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;
import picocli.CommandLine;

/** What can be said about the containers without starting any. */
class DockerTest {
    private static final Path DOCKER = Path.of("../docker");

    private static Map<String, Object> yaml(String file) throws IOException {
        return new Yaml().load(Files.readString(DOCKER.resolve(file)));
    }

    @SuppressWarnings("unchecked")
    private static <T> T at(Object node, Object... path) {
        Object found = node;
        for (Object step : path) {
            found = step instanceof Integer index ? ((List<Object>) found).get(index) : ((Map<?, ?>) found).get(step);
            assertThat(found).as(step.toString()).isNotNull();
        }
        return (T) found;
    }

    @Test
    void nothingIsPublishedBeyondTheMachine() throws IOException {
        Map<String, Object> services = at(yaml("compose.yaml"), "services");
        services.forEach((name, service) -> {
            assertThat(DockerTest.<List<String>>at(service, "ports"))
                    .as(name)
                    .allMatch(port -> port.startsWith("127.0.0.1:"));
            assertThat(DockerTest.<String>at(service, "restart")).isEqualTo("unless-stopped");
        });
        assertThat(services).containsOnlyKeys("tandem", "prometheus", "grafana");
    }

    @Test
    void theStoresAreThoseOfTheServer() throws IOException {
        Map<String, Object> services = at(yaml("compose.stores.yaml"), "services");
        assertThat(services).containsOnlyKeys("tandem", "postgres", "minio");
        Map<String, String> variables = at(services, "tandem", "environment");
        S3Address blobs = S3Address.of(variables.get("TANDEM_BLOBS"));
        assertThat(blobs.place().endpoint().orElseThrow().getHost()).isEqualTo("minio");
        assertThat(DockerTest.<List<String>>at(services, "minio", "entrypoint").get(2))
                .contains("/data/" + blobs.bucket() + " ");
        assertThat(DockerTest.<String>at(services, "minio", "environment", "MINIO_ROOT_USER"))
                .isEqualTo(variables.get("AWS_ACCESS_KEY_ID"));
        assertThat(new PostgresAddress(variables.get("TANDEM_DOCUMENTS"), Optional.empty()))
                .hasToString("postgres/tandem");
        assertThat(variables.get("PGPASSWORD")).startsWith("${POSTGRES_PASSWORD:?");
        assertThat(variables.get("AWS_SECRET_ACCESS_KEY")).startsWith("${S3_SECRET_KEY:?");
        for (String store : List.of("postgres", "minio")) {
            assertThat(DockerTest.<String>at(services, "tandem", "depends_on", store, "condition"))
                    .isEqualTo("service_healthy");
            assertThat(DockerTest.<Map<String, Object>>at(services, store)).doesNotContainKey("ports");
        }
    }

    @Test
    void secretsHaveNoDefault() throws IOException {
        Map<String, Object> compose = yaml("compose.yaml");
        assertThat(DockerTest.<String>at(compose, "services", "tandem", "environment", "TANDEM_API_KEY"))
                .startsWith("${TANDEM_API_KEY:?");
        assertThat(DockerTest.<String>at(compose, "services", "grafana", "environment", "GF_SECURITY_ADMIN_PASSWORD"))
                .startsWith("${GRAFANA_PASSWORD:?");
    }

    @Test
    void prometheusIsLetIn() throws IOException {
        Map<String, Object> compose = yaml("compose.yaml");
        Map<String, Object> scrape = at(yaml("prometheus.yaml"), "scrape_configs", 0);
        String secret = at(compose, "services", "prometheus", "secrets", 0);
        assertThat(DockerTest.<String>at(scrape, "authorization", "credentials_file"))
                .isEqualTo("/run/secrets/" + secret);
        assertThat(DockerTest.<String>at(compose, "secrets", secret, "environment"))
                .isEqualTo("TANDEM_API_KEY");
        String target = at(scrape, "static_configs", 0, "targets", 0);
        List<String> command = at(compose, "services", "tandem", "command");
        assertThat(command).containsSubsequence("--allow-host", target.replaceAll(":.*", ""));
        assertThat(DockerTest.<String>at(yaml("grafana/datasource.yaml"), "datasources", 0, "url"))
                .isEqualTo("http://prometheus:9090");
    }

    @Test
    void theCommandIsOneThatTheServerKnows() throws IOException {
        Matcher entry = Pattern.compile("ENTRYPOINT \\[\"./tandem\", \"serve\", (.*)]")
                .matcher(Files.readString(DOCKER.resolve("Dockerfile")));
        assertThat(entry.find()).isTrue();
        List<String> arguments = new ArrayList<>();
        for (String word : entry.group(1).split(", ")) {
            arguments.add(word.replace("\"", ""));
        }
        arguments.addAll(at(yaml("compose.yaml"), "services", "tandem", "command"));
        new CommandLine(new ServeCommand()).parseArgs(arguments.toArray(String[]::new));
        assertThat(arguments).containsSubsequence("--host", "0.0.0.0");
    }

    @Test
    void filesThatAreMountedExist() throws IOException {
        for (String service : List.of("prometheus", "grafana")) {
            List<String> mounts = at(yaml("compose.yaml"), "services", service, "volumes");
            assertThat(mounts)
                    .allSatisfy(mount -> assertThat(DOCKER.resolve(mount.replaceAll(":.*", "")))
                            .isRegularFile());
        }
    }
}

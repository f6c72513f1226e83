package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.LintResult;
import com.marcnuri.helm.TemplateCommand;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.tandem.server.storage.blob.S3Address;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The chart, by Helm itself, and what it makes, by the types of Kubernetes' objects. */
class HelmChartTest {
    private static final Path CHART = Path.of("../docker/helm");
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    /** A misspelled field would go unnoticed in a cluster. */
    private static final ObjectMapper STRICT =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private static final Map<String, Class<?>> TYPES = Map.of(
            "ConfigMap", ConfigMap.class,
            "Service", Service.class,
            "StatefulSet", StatefulSet.class);

    private static TemplateCommand chart() {
        return new Helm(CHART).template().withName("tandem").withNamespace("serving");
    }

    /** Objects by their kinds; each may have only one. */
    private static Map<String, JsonNode> objects(String manifests) throws IOException {
        Map<String, JsonNode> found = new LinkedHashMap<>();
        try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(manifests)) {
            while (documents.hasNext()) {
                JsonNode object = documents.next();
                if (!object.isNull()) {
                    assertThat(found.put(object.get("kind").textValue(), object))
                            .isNull();
                }
            }
        }
        return found;
    }

    private static Map<String, JsonNode> checked(String manifests) throws IOException {
        Map<String, JsonNode> found = objects(manifests);
        for (Map.Entry<String, JsonNode> object : found.entrySet()) {
            if (TYPES.containsKey(object.getKey())) {
                STRICT.treeToValue(object.getValue(), TYPES.get(object.getKey()));
            }
        }
        return found;
    }

    private static PodSpec pod(Map<String, JsonNode> objects) throws IOException {
        return STRICT.treeToValue(Objects.requireNonNull(objects.get("StatefulSet")), StatefulSet.class)
                .getSpec()
                .getTemplate()
                .getSpec();
    }

    private static Container container(Map<String, JsonNode> objects) throws IOException {
        return pod(objects).getContainers().get(0);
    }

    @Test
    void helmFindsNothingToComplainOf() {
        LintResult lint = new Helm(CHART).lint().strict().call();
        assertThat(lint.isFailed()).as(String.join("\n", lint.getMessages())).isFalse();
    }

    @Test
    void theServerKnowsAllFlagsAndSettings(@TempDir Path folder) throws IOException {
        Path values = folder.resolve("values.yaml");
        Files.writeString(values, """
                model: {name: Qwen/Qwen2.5-0.5B-Instruct}
                settings: {scheduler: {concurrent-jobs: 2}}
                allowHosts: [llm.example.com]
                arguments: [--context-tokens=4096]
                """);
        Map<String, JsonNode> objects = checked(chart().withValuesFile(values).call());
        Container container = container(objects);
        assertThat(container.getArgs())
                .contains("--model=Qwen/Qwen2.5-0.5B-Instruct", "--allow-host=llm.example.com")
                .contains("--allow-host=tandem.serving.svc.cluster.local", "--config=/etc/tandem/tandem.yaml");
        new CommandLine(new ServeCommand()).parseArgs(container.getArgs().toArray(String[]::new));
        Path settings = folder.resolve("tandem.yaml");
        Files.writeString(
                settings,
                STRICT.treeToValue(Objects.requireNonNull(objects.get("ConfigMap")), ConfigMap.class)
                        .getData()
                        .get("tandem.yaml"));
        assertThat(YAML.readTree(settings.toFile())
                        .at("/scheduler/concurrent-jobs")
                        .intValue())
                .isEqualTo(2);
    }

    @Test
    void theContainerMayDoNothingThatItNeedNot() throws IOException {
        Map<String, JsonNode> objects = checked(chart().call());
        assertThat(objects).containsOnlyKeys("Service", "StatefulSet");
        Container container = container(objects);
        assertThat(container.getSecurityContext().getReadOnlyRootFilesystem()).isTrue();
        assertThat(container.getSecurityContext().getAllowPrivilegeEscalation()).isFalse();
        assertThat(container.getSecurityContext().getCapabilities().getDrop()).containsExactly("ALL");
        PodSpec pod = pod(objects);
        assertThat(pod.getSecurityContext().getRunAsNonRoot()).isTrue();
        assertThat(pod.getAutomountServiceAccountToken()).isFalse();
        // Kubernetes refuses to start what may be root, and knows that only from a number.
        assertThat(Files.readString(Path.of("../docker/Dockerfile")))
                .contains("\nUSER " + pod.getSecurityContext().getFsGroup() + "\n");
    }

    @Test
    void theKeyComesFromASecret() throws IOException {
        Map<String, JsonNode> objects = checked(chart().set("apiKeySecret", "mine")
                .set("serviceMonitor.enabled", true)
                .set("model.claim", "models")
                .call());
        assertThat(objects).containsOnlyKeys("Service", "StatefulSet", "ServiceMonitor");
        assertThat(container(objects).getEnv())
                .filteredOn(variable -> variable.getName().equals("TANDEM_API_KEY"))
                .map(EnvVar::getValueFrom)
                .singleElement()
                .satisfies(from -> assertThat(from.getSecretKeyRef().getName()).isEqualTo("mine"));
        assertThat(objects.get("ServiceMonitor")
                        .at("/spec/endpoints/0/authorization/credentials/name")
                        .textValue())
                .isEqualTo("mine");
    }

    @Test
    void stateIsWhereTheValuesSay() throws IOException {
        assertThat(container(checked(chart().call())).getEnv())
                .extracting(EnvVar::getName)
                .doesNotContain("TANDEM_DOCUMENTS", "TANDEM_BLOBS", "PGPASSWORD", "AWS_ACCESS_KEY_ID");
        String blobs = "s3://tandem/a?endpoint=http://s3.example:9000";
        Container container =
                container(checked(chart().set("storage.documents", "postgresql://tandem@db.example/tandem")
                        .set("storage.documentsSecret", "db")
                        .set("storage.blobs", blobs)
                        .set("storage.blobsSecret", "s3")
                        .call()));
        Map<String, EnvVar> variables =
                container.getEnv().stream().collect(Collectors.toMap(EnvVar::getName, variable -> variable));
        assertThat(variables.get("TANDEM_DOCUMENTS").getValue()).isEqualTo("postgresql://tandem@db.example/tandem");
        assertThat(variables.get("TANDEM_BLOBS").getValue()).isEqualTo(blobs);
        S3Address.of(blobs);
        Map.of("PGPASSWORD", "db", "AWS_ACCESS_KEY_ID", "s3", "AWS_SECRET_ACCESS_KEY", "s3")
                .forEach((name, secret) -> assertThat(variables
                                .get(name)
                                .getValueFrom()
                                .getSecretKeyRef()
                                .getName())
                        .as(name)
                        .isEqualTo(secret));
    }

    /** For those who have no Helm. */
    @Test
    void theManifestIsWhatTheChartMakes() throws IOException {
        Path manifest = Path.of("../docker/kubernetes.yaml");
        String made = new Helm(CHART)
                .template()
                .withName("tandem")
                .withNamespace("default")
                .call();
        if (Boolean.getBoolean("tandem.update")) {
            Files.writeString(manifest, heading(Files.readString(manifest)) + made);
        }
        assertThat(checked(Files.readString(manifest)))
                .as("to make it anew: mvn -pl server -am -Dtandem.update -Dtest=HelmChartTest"
                        + " -Dsurefire.failIfNoSpecifiedTests=false test")
                .isEqualTo(checked(made));
    }

    /** The comments above the first object. */
    private static String heading(String manifest) {
        return manifest.substring(0, Math.max(0, manifest.indexOf("---\n")));
    }
}

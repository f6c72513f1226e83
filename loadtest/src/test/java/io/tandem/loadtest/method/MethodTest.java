package io.tandem.loadtest.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import io.tandem.loadtest.ApiClient;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class MethodTest {
    private static final Path JOBS = Path.of("../server/src/main/resources/io/tandem/server/api/openapi/jobs.yaml");

    private static List<String> ofTheServer() throws Exception {
        Matcher methods =
                Pattern.compile("peft: \\{type: string, enum: \\[([^]]*)]").matcher(Files.readString(JOBS));
        assertThat(methods.find()).isTrue();
        return new ArrayList<>(List.of(methods.group(1).split(", ", -1)));
    }

    private static void requireComplete(List<String> methods) throws Exception {
        ObjectNode description = ApiClient.JSON.createObjectNode();
        ArrayNode names = description
                .putObject("components")
                .putObject("schemas")
                .putObject("Hyperparameters")
                .putObject("properties")
                .putObject("peft")
                .putArray("enum");
        methods.forEach(names::add);
        byte[] answer = description.toString().getBytes(StandardCharsets.UTF_8);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/openapi.json", exchange -> {
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        try {
            Method.requireComplete(
                    new ApiClient("http://127.0.0.1:" + server.getAddress().getPort()));
        } finally {
            server.stop(0);
        }
    }

    @Test
    void theListHasAllMethods() throws Exception {
        List<String> methods = ofTheServer();
        assertThat(methods).contains("lora", "l4q", "pst");
        assertThatCode(() -> requireComplete(methods)).doesNotThrowAnyException();
        methods.add("unknown");
        assertThatThrownBy(() -> requireComplete(methods)).hasMessage("methods.json lacks the methods [unknown]");
    }

    /** Which the server does not tell: they are examined by servers of their own. */
    @Test
    void methodsThatMakeBaseModelsAreKnown() throws Exception {
        assertThat(Method.named(Set.of()).stream().filter(Method::makesBase).map(Method::name))
                .containsExactly("l4q", "pst", "pst sparsity 0.5");
        String described = Files.readString(JOBS);
        assertThat(described).contains("of l4q and pst a base model comes");
    }

    @Test
    void modulesInFullAreCounted() throws Exception {
        assertThat(Method.named(Set.of("lora modules_to_save")).get(0).fullModules())
                .isOne();
        assertThat(Method.named(Set.of("lora")).get(0).fullModules()).isZero();
    }
}

package io.tandem.kernels.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.tensor.TensorScope;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DecoderScriptTest {
    private static final Pattern METHOD = Pattern.compile("\\n  def (\\w+)\\(self: [^,)]+([^)]*)\\)");

    @Test
    void everyMethodOfTheScriptHasOneInJava() throws IOException {
        assertThat(ofTheClass()).isEqualTo(ofTheScript());
    }

    /** Names of methods, and how many arguments each takes. */
    private static Map<String, Integer> ofTheScript() throws IOException {
        Map<String, Integer> methods = new TreeMap<>();
        try (InputStream source = Objects.requireNonNull(
                DecoderScript.class.getResourceAsStream("/io/tandem/kernels/code/__torch__/tandem/decoder.py"))) {
            Matcher found = METHOD.matcher(new String(source.readAllBytes(), StandardCharsets.UTF_8));
            while (found.find()) {
                methods.put(found.group(1), (int)
                        found.group(2).chars().filter(c -> c == ':').count());
            }
        }
        return methods;
    }

    private static Map<String, Integer> ofTheClass() {
        Map<String, Integer> methods = new TreeMap<>();
        for (Method method : Stream.of(DecoderScript.class, LoopScript.class)
                .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
                .filter(method -> !method.getName().equals("equals"))
                .toList()) {
            Class<?>[] parameters = method.getParameterTypes();
            if (!Modifier.isPrivate(method.getModifiers()) && parameters.length > 0) {
                assertThat(parameters[0]).as(method.getName()).isEqualTo(TensorScope.class);
                String name = method.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
                methods.put(
                        name,
                        Arrays.stream(parameters)
                                .skip(1)
                                .mapToInt(DecoderScriptTest::arguments)
                                .sum());
            }
        }
        return methods;
    }

    private static int arguments(Class<?> parameter) {
        return DecoderScript.Arguments.class.isAssignableFrom(parameter) ? parameter.getRecordComponents().length : 1;
    }
}

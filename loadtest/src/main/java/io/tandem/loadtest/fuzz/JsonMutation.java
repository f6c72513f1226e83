package io.tandem.loadtest.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import io.tandem.loadtest.ApiClient;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Bodies that are almost those of a valid request. */
final class JsonMutation {
    private static final int DEEP = 3000;
    private static final int LONG = 20_000;
    private static final List<String> VALUES = List.of(
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1",
            "2",
            "0.5",
            "-0.0",
            "1e-320",
            "1e308",
            "1e999",
            "-1e999",
            "2147483648",
            "9223372036854775807",
            "9223372036854775808",
            "1" + "0".repeat(400),
            "1" + "0".repeat(2000),
            "0." + "3".repeat(600),
            "NaN",
            "Infinity",
            "01",
            "+1",
            ".5",
            "0x10",
            "\"\"",
            "\" \"",
            "\"a\"",
            "\"1\"",
            "\"auto\"",
            "\"\\u0000\"",
            "\"a\\u0000b\"",
            "\"\\ud800\"",
            "\"\\udc00\\ud800\"",
            "\"\\uffff\"",
            "\"../../etc/passwd\"",
            "\"..\"",
            "\"/dev/zero\"",
            "\"a/b\"",
            "\"%2e%2e\"",
            "\"\u202e\"",
            "\"" + "x".repeat(LONG) + "\"",
            "\"" + "\u00e9".repeat(300) + "\"",
            "[]",
            "[null]",
            "[[]]",
            "[[[[[[]]]]]]",
            "[{}]",
            "{}",
            "{\"\":\"\"}",
            "{\"a\":{\"a\":{\"a\":1}}}",
            "[" + "0,".repeat(3000) + "0]",
            "[" + "\"a\",".repeat(500) + "\"a\"]",
            "[".repeat(DEEP),
            "[".repeat(DEEP) + "]".repeat(DEEP),
            "{\"a\":".repeat(200) + "1" + "}".repeat(200),
            "'a'",
            "undefined",
            "\"\\x41\"",
            "\"\n\"",
            "/**/1",
            "");

    private final Random random;

    JsonMutation(Random random) {
        this.random = random;
    }

    byte[] of(JsonNode valid) throws IOException {
        JsonNode tree = valid.deepCopy();
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
            tree = changed(tree);
        }
        byte[] text = ApiClient.JSON.writeValueAsBytes(tree);
        return random.nextInt(4) == 0 ? damaged(text) : text;
    }

    private JsonNode changed(JsonNode tree) {
        List<JsonNode> inner = new ArrayList<>();
        collect(tree, inner);
        if (inner.isEmpty() || random.nextInt(40) == 0) {
            return raw(value());
        }
        JsonNode at = inner.get(random.nextInt(inner.size()));
        if (at instanceof ObjectNode object) {
            change(object);
        } else if (at instanceof ArrayNode array) {
            change(array);
        }
        return tree;
    }

    private static void collect(JsonNode node, List<JsonNode> inner) {
        if (node.isContainerNode()) {
            inner.add(node);
            node.forEach(child -> collect(child, inner));
        }
    }

    private void change(ObjectNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        String name = names.isEmpty() ? "a" : names.get(random.nextInt(names.size()));
        switch (random.nextInt(8)) {
            case 0 -> object.remove(name);
            case 1 -> object.set(name + (random.nextBoolean() ? "s" : "\u0000"), raw(value()));
            // The same name twice.
            case 2 -> object.set(name, raw(object.path(name) + ",\"" + name + "\":" + value()));
            case 3 -> object.set(name, ApiClient.JSON.createArrayNode().add(object.get(name)));
            default -> object.set(name, raw(value()));
        }
    }

    private void change(ArrayNode array) {
        if (array.isEmpty() || random.nextInt(4) == 0) {
            array.add(raw(value()));
        } else if (random.nextInt(4) == 0) {
            array.remove(random.nextInt(array.size()));
        } else if (random.nextInt(6) == 0) {
            JsonNode one = array.get(0);
            for (int i = 0; i < 40; i++) {
                array.add(one);
            }
        } else {
            array.set(random.nextInt(array.size()), raw(value()));
        }
    }

    private String value() {
        return VALUES.get(random.nextInt(VALUES.size()));
    }

    private static JsonNode raw(String text) {
        return ApiClient.JSON.getNodeFactory().rawValueNode(new RawValue(text));
    }

    /** Text that need not be JSON, or text, any more. */
    private byte[] damaged(byte[] text) {
        int at = random.nextInt(Math.max(1, text.length));
        return switch (random.nextInt(9)) {
            case 0 -> Arrays.copyOf(text, at);
            case 1 -> insert(text, at, (byte) random.nextInt(256));
            case 2 -> insert(text, at, (byte) 0xff, (byte) 0xfe, (byte) 0xc0);
            case 3 -> insert(text, at, (byte) 0);
            case 4 -> insert(text, 0, (byte) 0xef, (byte) 0xbb, (byte) 0xbf);
            case 5 -> new String(text, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_16);
            case 6 -> insert(text, text.length, text);
            case 7 -> new byte[0];
            default -> insert(text, text.length, (byte) ']', (byte) '}', (byte) '\n');
        };
    }

    static byte[] insert(byte[] text, int at, byte... more) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        joined.write(text, 0, at);
        joined.writeBytes(more);
        joined.write(text, at, text.length - at);
        return joined.toByteArray();
    }
}

package io.tandem.loadtest.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Forms as HTTP clients write them, and almost so. */
final class FormMutation {
    private static final String BOUNDARY = "fuzz-boundary";
    private static final int ODD_PARTS = 6;
    private static final List<String> DISPOSITIONS = List.of(
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; form-data",
            "Content-Disposition: form-data; name=",
            "Content-Disposition: form-data; name=\"\"",
            "Content-Disposition: form-data; name=\"name",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: attachment; name=\"name\"",
            "Content-Disposition: form-data; name=\"file\"; filename",
            "Content-Disposition: form-data; name=\"file\"; filename=\"../../x\"",
            "Content-Disposition: form-data; name=\"file\"; filename=\"" + "x".repeat(9000) + "\"",
            "Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''%zz",
            "Content-Disposition: form-data; name=\"file\"; filename*=x",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\0b\"",
            "Content-Disposition: form-data; name=\"purpose\"\r\nContent-Type: text/plain; charset=",
            "Content-Disposition: form-data; name=\"purpose\"\r\nContent-Type: text/plain; charset=none",
            "Content-Disposition: form-data; name=\"purpose\"\r\nContent-Transfer-Encoding: x",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Length: 99999999999",
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Length: x",
            "Content-Disposition: form-data; name=\"file\"\r\nContent-Type: multipart/mixed",
            "Content-Disposition: form-data; name=\"file\"\r\nContent-Type: multipart/mixed; boundary=inner",
            "X: " + "y".repeat(20_000),
            "no header",
            "");
    private static final List<String> TYPES = List.of(
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=other",
            "multipart/form-data; boundary=" + "b".repeat(300),
            "multipart/form-data; boundary=" + BOUNDARY + "; charset=none",
            "multipart/form-data; boundary=" + BOUNDARY + "; charset=",
            "multipart/form-data; boundary=" + BOUNDARY + "; boundary=x",
            "multipart/mixed; boundary=" + BOUNDARY,
            "MULTIPART/FORM-DATA; BOUNDARY=" + BOUNDARY,
            "application/x-www-form-urlencoded",
            "application/json",
            "text/plain",
            ";");

    private final Random random;
    private final World world;

    FormMutation(Random random, World world) {
        this.random = random;
        this.world = world;
    }

    /** A form and its content type. */
    record Body(String type, byte[] bytes) {}

    Body valid(Map<String, String> fields, List<String> files) throws IOException {
        return new Body("multipart/form-data; boundary=" + BOUNDARY, parts(fields, files, -1, "", new byte[0]));
    }

    Body of(Map<String, String> fields, List<String> files) throws IOException {
        Body valid = valid(fields, files);
        byte[] bytes = valid.bytes();
        int at = random.nextInt(bytes.length);
        return switch (random.nextInt(9)) {
            case 0 -> new Body(TYPES.get(random.nextInt(TYPES.size())), bytes);
            case 1 -> new Body(valid.type(), Arrays.copyOf(bytes, at));
            case 2 -> new Body(valid.type(), JsonMutation.insert(bytes, at, (byte) random.nextInt(256)));
            case 3 -> new Body(valid.type(), JsonMutation.insert(bytes, at, text("\r\n--" + BOUNDARY + "\r\n")));
            case 4 -> new Body(valid.type(), many(fields));
            case 5 -> new Body(valid.type(), huge(fields));
            default -> {
                String odd = DISPOSITIONS.get(random.nextInt(DISPOSITIONS.size()));
                byte[] content = random.nextBoolean() ? text("fine-tune") : new byte[random.nextInt(20_000)];
                yield new Body(valid.type(), parts(fields, files, random.nextInt(ODD_PARTS), odd, content));
            }
        };
    }

    /** @param odd in front of which part a part with another head comes; none if there are fewer */
    private byte[] parts(Map<String, String> fields, List<String> files, int odd, String head, byte[] content)
            throws IOException {
        ByteArrayOutputStream form = new ByteArrayOutputStream();
        int part = 0;
        for (Map.Entry<String, String> field : fields.entrySet()) {
            if (part++ == odd) {
                part(form, head, content);
            }
            part(form, "Content-Disposition: form-data; name=\"" + field.getKey() + "\"", text(field.getValue()));
        }
        for (String file : files) {
            if (part++ == odd) {
                part(form, head, content);
            }
            String name = file.equals("adapter_config")
                    ? "adapter_config.json"
                    : file.equals("adapter_model") ? "adapter_model.safetensors" : "train.jsonl";
            part(form, "Content-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"", world.file(file));
        }
        form.writeBytes(text("--" + BOUNDARY + "--\r\n"));
        return form.toByteArray();
    }

    private byte[] many(Map<String, String> fields) {
        ByteArrayOutputStream form = new ByteArrayOutputStream();
        int count = 1 + random.nextInt(600);
        for (int i = 0; i < count; i++) {
            String file = random.nextBoolean() ? "; filename=\"" + i + "\"" : "";
            part(form, "Content-Disposition: form-data; name=\"" + fields.keySet() + "\"" + file, text("x"));
        }
        form.writeBytes(text("--" + BOUNDARY + "--\r\n"));
        return form.toByteArray();
    }

    private byte[] huge(Map<String, String> fields) {
        ByteArrayOutputStream form = new ByteArrayOutputStream();
        for (String field : fields.keySet()) {
            part(form, "Content-Disposition: form-data; name=\"" + field + "\"", new byte[random.nextInt(1 << 22)]);
        }
        form.writeBytes(text("--" + BOUNDARY + "--\r\n"));
        return form.toByteArray();
    }

    private static void part(ByteArrayOutputStream form, String head, byte[] content) {
        form.writeBytes(text("--" + BOUNDARY + "\r\n" + head + "\r\n\r\n"));
        form.writeBytes(content);
        form.writeBytes(text("\r\n"));
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}

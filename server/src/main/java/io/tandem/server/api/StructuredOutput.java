package io.tandem.server.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * The format that a request asks for, in OpenAI's words or in vLLM's.
 *
 * @param field that asks for it, for complaints
 */
public record StructuredOutput(String field, OutputFormat format) {
    private static final int SCHEMA_CHARS_MAX = 1 << 17;
    static final int PATTERN_CHARS_MAX = 1 << 14;
    private static final int CHOICES_MAX = 1024;
    private static final int CHOICE_CHARS_MAX = 4096;
    private static final int NAME_CHARS_MAX = 64;

    /** @throws ApiException if a format is wrong, or more than one is asked for */
    static Optional<StructuredOutput> read(JsonBody body) {
        return read(
                body,
                body.optionalObject("response_format")
                        .flatMap(format -> openAi(format, StructuredOutput::nestedSchema)));
    }

    /** The Responses API's {@code text.format}, which has the schema's fields beside the type. */
    static Optional<StructuredOutput> readText(JsonBody body) {
        Optional<JsonBody> text = body.optionalObject("text");
        text.ifPresent(fields -> {
            fields.rejectUnknown(Set.of("format", "verbosity"));
            fields.refuseUnless("verbosity", value -> value.asText().equals("medium"));
        });
        return read(
                body,
                text.flatMap(fields -> fields.optionalObject("format"))
                        .flatMap(format -> openAi(format, StructuredOutput::flatSchema)));
    }

    private static Optional<StructuredOutput> read(JsonBody body, Optional<StructuredOutput> openAi) {
        List<StructuredOutput> found = new ArrayList<>();
        openAi.ifPresent(found::add);
        body.optionalObject("structured_outputs").ifPresent(inner -> {
            inner.rejectUnknown(Set.of("json", "regex", "choice", "json_object"));
            named(inner, "", found);
            if (inner.optionalBoolean("json_object", false)) {
                found.add(new StructuredOutput(inner.path("json_object"), new OutputFormat.AnyObject()));
            }
            if (found.isEmpty()) {
                throw body.invalid("structured_outputs", "must have one of json, regex, choice and json_object.");
            }
        });
        named(body, "guided_", found);
        // Which library makes the grammar; there is only one here.
        body.optionalString("guided_decoding_backend", NAME_CHARS_MAX);
        if (found.size() > 1) {
            String last = found.get(found.size() - 1).field();
            throw ApiException.invalid(
                    last, "'" + last + "' contradicts '" + found.get(0).field() + "'; send only one of them.");
        }
        return found.stream().findFirst();
    }

    private static void named(JsonBody body, String prefix, List<StructuredOutput> found) {
        if (body.find(prefix + "json") != null) {
            found.add(schema(body, prefix + "json"));
        }
        body.optionalString(prefix + "regex", PATTERN_CHARS_MAX)
                .ifPresent(text ->
                        found.add(new StructuredOutput(body.path(prefix + "regex"), new OutputFormat.Pattern(text))));
        if (body.find(prefix + "choice") != null) {
            found.add(choice(body, prefix + "choice"));
        }
    }

    private static Optional<StructuredOutput> openAi(JsonBody format, Function<JsonBody, StructuredOutput> schema) {
        String type = format.requiredString("type", NAME_CHARS_MAX);
        if (type.equals("json_schema")) {
            return Optional.of(schema.apply(format));
        }
        if (!type.equals("text") && !type.equals("json_object")) {
            throw format.invalid("type", "must be one of text, json_object and json_schema.");
        }
        format.node().fieldNames().forEachRemaining(name -> {
            if (!name.equals("type") && format.find(name) != null) {
                throw format.invalid(name, "is only known where the type is json_schema.");
            }
        });
        return type.equals("text")
                ? Optional.empty()
                : Optional.of(new StructuredOutput(format.path("type"), new OutputFormat.AnyObject()));
    }

    private static StructuredOutput nestedSchema(JsonBody format) {
        format.rejectUnknown(Set.of("type", "json_schema"));
        JsonBody inner =
                format.optionalObject("json_schema").orElseThrow(() -> format.invalid("json_schema", "is required."));
        inner.rejectUnknown(Set.of("name", "description", "schema", "strict"));
        return named(inner);
    }

    private static StructuredOutput flatSchema(JsonBody format) {
        format.rejectUnknown(Set.of("type", "name", "description", "schema", "strict"));
        return named(format);
    }

    private static StructuredOutput named(JsonBody format) {
        format.optionalString("name", NAME_CHARS_MAX);
        format.optionalString("description", SCHEMA_CHARS_MAX);
        // Answers keep to the schema whether strict or not.
        format.optionalBoolean("strict", false);
        return schema(format, "schema");
    }

    private static StructuredOutput schema(JsonBody body, String field) {
        JsonNode schema = body.find(field);
        if (schema == null) {
            throw body.invalid(field, "is required.");
        }
        if (schema.isTextual()) {
            // vLLM takes the schema as text too.
            try {
                schema = JsonBody.MAPPER.readTree(schema.textValue());
            } catch (JsonProcessingException e) {
                throw body.invalid(field, "is a string that is no JSON" + JsonBody.reason(e) + ".");
            }
        }
        if (!schema.isObject() && !schema.isBoolean()) {
            throw body.invalid(field, "must be a JSON schema: an object.");
        }
        String json = schema.toString();
        if (json.length() > SCHEMA_CHARS_MAX) {
            throw body.invalid(field, "must have at most " + SCHEMA_CHARS_MAX + " characters.");
        }
        return new StructuredOutput(body.path(field), new OutputFormat.Schema(json));
    }

    private static StructuredOutput choice(JsonBody body, String field) {
        JsonNode value = body.find(field);
        List<String> texts = new ArrayList<>();
        boolean right = value != null && value.isArray() && !value.isEmpty() && value.size() <= CHOICES_MAX;
        for (JsonNode text : right && value != null ? value : List.<JsonNode>of()) {
            right &= text.isTextual()
                    && !text.textValue().isEmpty()
                    && text.textValue().length() <= CHOICE_CHARS_MAX;
            texts.add(text.asText());
        }
        if (!right) {
            throw body.invalid(
                    field,
                    "must be an array of 1 to " + CHOICES_MAX + " strings of 1 to " + CHOICE_CHARS_MAX
                            + " characters.");
        }
        return new StructuredOutput(body.path(field), new OutputFormat.Choice(List.copyOf(texts)));
    }
}

package io.tandem.server.api;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * The values of a field: requests are checked against it, and {@code /openapi.json} describes it by a JSON schema.
 *
 * <p>Most types are those of single values. Whatever has parts is a {@link Shape}, which its own reader checks.
 */
public sealed interface FieldType {
    /** @throws ApiException naming the field if its value is none of these */
    void check(JsonBody body, String field, RequestBounds bounds);

    ObjectNode schema(RequestBounds bounds);

    private static ObjectNode type(String type) {
        return JsonBody.MAPPER.createObjectNode().put("type", type);
    }

    /** @param absent what it means to leave it out */
    record Flag(boolean absent) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            body.optionalBoolean(field, absent);
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return type("boolean").put("default", absent);
        }
    }

    /** A string. */
    record Text(int charsMin, int charsMax) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            body.optionalString(field, charsMax)
                    .filter(text -> text.length() < charsMin)
                    .ifPresent(text -> {
                        throw body.invalid(field, "must not be empty.");
                    });
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            ObjectNode schema = type("string");
            if (charsMin > 0) {
                schema.put("minLength", charsMin);
            }
            return schema.put("maxLength", charsMax);
        }
    }

    /** One of a few strings. */
    record Name(List<String> names) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            body.optionalString(field, Integer.MAX_VALUE)
                    .filter(name -> !names.contains(name))
                    .ifPresent(name -> {
                        throw body.invalid(field, "must be " + String.join(" or ", names) + ".");
                    });
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            ObjectNode schema = type("string");
            names.forEach(schema.putArray("enum")::add);
            return schema;
        }
    }

    /** An integer. */
    record Whole(long min, long max) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            body.optionalLong(field, min, max);
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return type("integer").put("minimum", min).put("maximum", max);
        }
    }

    /** A number of tokens that the context has room for. */
    record Tokens(int min) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            body.optionalInt(field, min, bounds.contextTokens(), RequestBounds.CONTEXT_SETTING);
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return type("integer").put("minimum", min).put("maximum", bounds.contextTokens());
        }
    }

    /** A number. */
    record Real(double min, double max) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            body.optionalNumber(field, min, max);
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return type("number").put("minimum", min).put("maximum", max);
        }
    }

    /** A number above zero. */
    record Positive(double max) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            if (body.optionalNumber(field, 0, max).orElse(max) == 0) {
                throw body.invalid(field, "must be above 0 and at most " + max + ".");
            }
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return type("number").put("exclusiveMinimum", 0).put("maximum", max);
        }
    }

    /**
     * Something with parts.
     *
     * @param name of its schema among those of the description
     */
    record Shape(String name) implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            // The reader of the field knows more than could be said here.
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return JsonBody.MAPPER.createObjectNode().put("$ref", "#/components/schemas/" + name);
        }
    }

    /** Anything. */
    record Any() implements FieldType {
        @Override
        public void check(JsonBody body, String field, RequestBounds bounds) {
            // Nothing reads it.
        }

        @Override
        public ObjectNode schema(RequestBounds bounds) {
            return JsonBody.MAPPER.createObjectNode();
        }
    }
}

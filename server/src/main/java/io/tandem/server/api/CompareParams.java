package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A checked body of {@code POST /v1/adapters/compare}.
 *
 * @param models what a completion could name: adapters, stacks of them, the base model
 * @param validationFile id of an uploaded file
 */
public record CompareParams(List<String> models, String validationFile) {
    private static final int MODELS_MAX = 16;
    private static final int FILE_CHARS_MAX = 64;

    /** @throws ApiException naming the field that is wrong */
    public static CompareParams read(JsonBody body) {
        body.rejectUnknown(Set.of("models", "validation_file"));
        JsonNode array = body.find("models");
        if (array == null || !array.isArray() || array.isEmpty() || array.size() > MODELS_MAX) {
            throw body.invalid("models", "must be an array of 1 to " + MODELS_MAX + " names of models.");
        }
        List<String> models = new ArrayList<>();
        for (JsonNode model : array) {
            if (!model.isTextual() || model.textValue().length() > GenerationParams.MODEL_CHARS_MAX) {
                throw body.invalid("models", "must have names of models only.");
            }
            models.add(model.textValue());
        }
        return new CompareParams(List.copyOf(models), body.requiredString("validation_file", FILE_CHARS_MAX));
    }
}

package io.tandem.server.finetune.request;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.adapter.FullModule;
import io.tandem.kernels.adapter.method.FullMethod;
import io.tandem.kernels.adapter.method.PeftMethod;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The field of a job's hyperparameters that says which modules learn in full beside its method. */
final class FullFields {
    static final String SAVED = "modules_to_save";

    private FullFields() {}

    /**
     * The method, with these modules if there are any.
     *
     * @throws ApiException if they are wrong
     */
    static PeftMethod read(JsonBody hyper, PeftMethod method) {
        @Nullable JsonNode saved = hyper.find(SAVED);
        if (saved == null) {
            return method;
        }
        Set<FullModule> modules = EnumSet.noneOf(FullModule.class);
        for (JsonNode name : saved) {
            modules.add(Arrays.stream(FullModule.values())
                    .filter(module -> name.isTextual() && module.label().equals(name.textValue()))
                    .findFirst()
                    .orElseThrow(() -> wrong(hyper)));
        }
        if (!saved.isArray() || modules.isEmpty()) {
            throw wrong(hyper);
        }
        return new FullMethod(method, modules);
    }

    private static ApiException wrong(JsonBody hyper) {
        return hyper.invalid(SAVED, "must be a list of one or both of: lm_head, embed_tokens.");
    }
}

package io.tandem.server.http;

import io.tandem.kernels.adapter.Adapter;
import io.tandem.kernels.adapter.peft.PeftFormat;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.ContainedPath;
import io.tandem.server.storage.SafeName;
import io.tandem.server.text.ServedModel;
import io.vertx.ext.web.RoutingContext;
import java.nio.file.Path;
import java.util.Set;

/** {@code /v1/load_lora_adapter} and {@code /v1/unload_lora_adapter}, for those who come from vLLM. */
final class AdaptersHandler {
    private static final int PATH_CHARS_MAX = 4096;

    private final ServedModel model;
    private final ModelNames names;
    private final Path root;
    private final int maxRank;

    /** @param root below which adapters may be loaded */
    AdaptersHandler(ServedModel model, ModelNames names, Path root, int maxRank) {
        this.model = model;
        this.names = names;
        this.root = root;
        this.maxRank = maxRank;
    }

    void load(RoutingContext context) {
        JsonBody body = JsonBody.parse(context.body().buffer());
        body.rejectUnknown(Set.of("lora_name", "lora_path", "load_inplace"));
        String name = body.requiredString("lora_name", 128);
        String path = body.requiredString("lora_path", PATH_CHARS_MAX);
        boolean replace = body.optionalBoolean("load_inplace", false);
        if (!SafeName.allowed(name) || name.equals(model.name())) {
            throw body.invalid("lora_name", "'" + name + "' is not a possible name for an adapter.");
        }
        if (!replace && names.adapters().find(name).isPresent()) {
            throw body.invalid("lora_name", "'" + name + "' is loaded already; send load_inplace to replace it.");
        }
        context.vertx()
                .executeBlocking(() -> PeftFormat.read(directory(path), model.shape(), maxRank), false)
                .onSuccess(adapter -> publish(context, name, adapter))
                .onFailure(context::fail);
    }

    private Path directory(String path) {
        return ContainedPath.resolve(root, path)
                .orElseThrow(() -> ApiException.notFound(
                        "lora_path",
                        "adapter_not_found",
                        "'lora_path': there is no adapter '" + path + "' below the adapter root of this server."));
    }

    private void publish(RoutingContext context, String name, Adapter adapter) {
        names.adapters().publish(name, adapter);
        context.end("Success: LoRA adapter '" + name + "' added successfully.");
    }

    void unload(RoutingContext context) {
        JsonBody body = JsonBody.parse(context.body().buffer());
        body.rejectUnknown(Set.of("lora_name", "lora_int_id"));
        String name = body.requiredString("lora_name", 128);
        if (!names.adapters().withdraw(name)) {
            throw ApiException.notFound("lora_name", "adapter_not_found", "The adapter '" + name + "' is not loaded.");
        }
        context.end("Success: LoRA adapter '" + name + "' removed successfully.");
    }
}

package io.tandem.server.http;

import io.tandem.server.adapter.AdapterEntry;
import io.tandem.server.adapter.AdapterLibrary;
import io.tandem.server.adapter.Adapters;
import io.tandem.server.adapter.TenantAdapters;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.SafeName;
import io.tandem.server.tenant.Principal;
import io.tandem.server.text.ServedModel;
import io.vertx.ext.web.RoutingContext;
import java.util.Set;
import java.util.concurrent.CompletionStage;

/** {@code /v1/load_lora_adapter} and {@code /v1/unload_lora_adapter}, for those who come from vLLM. */
final class LoraAdaptersHandler {
    private static final int PATH_CHARS_MAX = 4096;

    private final ServedModel model;
    private final TenantAdapters tenants;

    LoraAdaptersHandler(ServedModel model, TenantAdapters tenants) {
        this.model = model;
        this.tenants = tenants;
    }

    void load(RoutingContext context, Principal caller) {
        Adapters adapters = tenants.of(caller.tenant());
        AdapterLibrary library = adapters.library();
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("lora_name", "lora_path", "load_inplace"));
        String name = body.requiredString("lora_name", 128);
        String path = body.requiredString("lora_path", PATH_CHARS_MAX);
        boolean replace = body.optionalBoolean("load_inplace", false);
        if (!SafeName.allowed(name) || name.equals(model.name())) {
            throw body.invalid("lora_name", "'" + name + "' is not a possible name for an adapter.");
        }
        if (!replace && library.find(name).isPresent()) {
            throw body.invalid("lora_name", "'" + name + "' is loaded already; send load_inplace to replace it.");
        }
        CompletionStage<AdapterEntry> published = adapters.read(path, "lora_path")
                .thenCompose(adapter -> adapters.probed(name, adapter)
                        .thenCompose(difference ->
                                library.publish(name, adapter, "read from " + path, AdapterLibrary.WHOLE)));
        say(context, published, "Success: LoRA adapter '" + name + "' added successfully.");
    }

    void unload(RoutingContext context, Principal caller) {
        AdapterLibrary library = tenants.of(caller.tenant()).library();
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("lora_name", "lora_int_id"));
        String name = body.requiredString("lora_name", 128);
        if (library.find(name).isEmpty()) {
            throw ApiException.notFound("lora_name", "adapter_not_found", "The adapter '" + name + "' is not loaded.");
        }
        say(context, library.delete(name), "Success: LoRA adapter '" + name + "' removed successfully.");
    }

    private static void say(RoutingContext context, CompletionStage<AdapterEntry> done, String text) {
        Json.later(
                context,
                done,
                entry -> context.response()
                        .putHeader("Content-Type", "text/plain; charset=utf-8")
                        .end(text));
    }
}

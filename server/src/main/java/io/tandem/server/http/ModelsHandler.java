package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.adapter.AdapterEntry;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.tenant.Principal;
import io.tandem.server.text.ServedModel;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.function.Function;

/** {@code /v1/models}: the base model and every adapter of it; checkpoints of jobs are listed only when asked for. */
final class ModelsHandler {
    private final ServedModel model;
    private final Function<Principal, ModelNames> names;

    ModelsHandler(ServedModel model, Function<Principal, ModelNames> names) {
        this.model = model;
        this.names = names;
    }

    void list(RoutingContext context, Principal caller) {
        boolean checkpoints = wantsCheckpoints(context);
        // There may be a great many.
        Json.blocking(context, () -> list(names.apply(caller), checkpoints), json -> Json.answer(context, json));
    }

    private ObjectNode list(ModelNames known, boolean checkpoints) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("object", "list");
        ArrayNode models = json.putArray("data");
        models.add(card(model.name(), model.created()));
        known.listed().stream()
                .filter(name -> checkpoints || !AdapterEntry.isCheckpoint(name))
                .forEach(name -> models.add(card(name, created(known, name))));
        return json;
    }

    private static boolean wantsCheckpoints(RoutingContext context) {
        List<String> include = context.queryParam("include");
        if (!include.stream().allMatch("checkpoints"::equals)) {
            throw ApiException.invalid("include", "'include' must be 'checkpoints'; it adds the checkpoints of jobs.");
        }
        return !include.isEmpty();
    }

    /** A model by its name, in which slashes need not be escaped. */
    void get(RoutingContext context, Principal caller) {
        String name = context.pathParam("*");
        ModelNames known = names.apply(caller);
        known.requireKnown(name);
        Json.answer(context, card(name, created(known, name)));
    }

    /** Deletes an adapter, as OpenAI's clients delete a fine-tuned model. */
    void delete(RoutingContext context, Principal caller) {
        String name = context.pathParam("model");
        if (name.equals(model.name())) {
            throw ApiException.invalid(
                    "model", "'model': the base model '" + name + "' cannot be deleted; adapters can.");
        }
        ModelNames known = names.apply(caller);
        known.requireKnown(name);
        if (known.library().find(name).isEmpty()) {
            throw ApiException.invalid(
                    "model",
                    "'model' must be the name of one adapter; DELETE /v1/adapters/{id} deletes single versions.");
        }
        Json.answer(context, known.library().delete(name).thenApply(gone -> {
            ObjectNode json = JsonBody.MAPPER.createObjectNode();
            json.put("id", name);
            json.put("object", "model");
            json.put("deleted", true);
            return json;
        }));
    }

    /** When the adapter was made; of several together, and of the base model, when the model was. */
    private long created(ModelNames known, String name) {
        return known.library().find(name).map(AdapterEntry::createdAt).orElse(model.created());
    }

    private ObjectNode card(String name, long created) {
        boolean base = name.equals(model.name());
        ObjectNode card = JsonBody.MAPPER.createObjectNode();
        card.put("id", name);
        card.put("object", "model");
        card.put("created", created);
        card.put("owned_by", "tandem");
        card.put("root", name);
        card.put("parent", base ? null : model.name());
        card.put("max_model_len", model.contextTokens());
        return card;
    }
}

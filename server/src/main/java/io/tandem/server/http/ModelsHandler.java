package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.text.ServedModel;
import io.vertx.ext.web.RoutingContext;

/** {@code /v1/models}: the base model and every adapter. */
final class ModelsHandler {
    private final ServedModel model;
    private final ModelNames names;

    ModelsHandler(ServedModel model, ModelNames names) {
        this.model = model;
        this.names = names;
    }

    void list(RoutingContext context) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("object", "list");
        ArrayNode models = json.putArray("data");
        models.add(card(model.name()));
        names.library().names().forEach(name -> models.add(card(name)));
        Json.answer(context, json);
    }

    void get(RoutingContext context) {
        String name = context.pathParam("model");
        names.requireKnown(name);
        Json.answer(context, card(name));
    }

    private ObjectNode card(String name) {
        boolean base = name.equals(model.name());
        ObjectNode card = JsonBody.MAPPER.createObjectNode();
        card.put("id", name);
        card.put("object", "model");
        card.put("created", model.created());
        card.put("owned_by", "tandem");
        card.put("root", name);
        card.put("parent", base ? null : model.name());
        card.put("max_model_len", model.contextTokens());
        return card;
    }
}

package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.Quota;
import io.tandem.server.tenant.Role;
import io.tandem.server.tenant.Tenants;
import io.tandem.server.tenant.Tenants.Issued;
import io.vertx.ext.web.RoutingContext;
import java.util.Optional;
import java.util.Set;

/** {@code /v1/organization/projects}: OpenAI's projects are the tenants. */
final class OrganizationHandler {
    private static final int PAGE = 20;
    private static final int NAME_CHARS_MAX = 128;

    private final Tenants tenants;

    OrganizationHandler(Tenants tenants) {
        this.tenants = tenants;
    }

    void create(RoutingContext context, Principal caller) {
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("name"));
        String name = name(body);
        Json.blocking(context, () -> tenants.create(caller, name), json -> Json.answer(context, json));
    }

    void list(RoutingContext context, Principal caller) {
        Json.requireKnown(context, "include_archived");
        String archived = context.request().getParam("include_archived", "false");
        if (!archived.equals("true") && !archived.equals("false")) {
            throw ApiException.invalid("include_archived", "'include_archived' must be 'true' or 'false'.");
        }
        Json.answer(context, Json.page(context, tenants.list(caller, archived.equals("true")), PAGE));
    }

    void get(RoutingContext context, Principal caller) {
        Json.answer(context, tenants.get(caller, project(context)));
    }

    void modify(RoutingContext context, Principal caller) {
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("name", "quota"));
        Optional<String> name = body.find("name") == null ? Optional.empty() : Optional.of(name(body));
        Optional<Quota> quota = body.optionalObject("quota").map(Quota::read);
        Json.blocking(
                context,
                () -> tenants.modify(caller, project(context), name, quota),
                json -> Json.answer(context, json));
    }

    void archive(RoutingContext context, Principal caller) {
        Json.blocking(context, () -> tenants.archive(caller, project(context)), json -> Json.answer(context, json));
    }

    /** The answer is the only one that has the key itself. */
    void createKey(RoutingContext context, Principal caller) {
        JsonBody body = Json.body(context);
        body.rejectUnknown(Set.of("name", "role"));
        String name = body.requiredString("name", NAME_CHARS_MAX);
        Role role = Role.of(body.optionalString("role", 16).orElse(Role.INFERENCE.label()))
                .orElseThrow(() -> body.invalid("role", "must be 'inference', 'finetune' or 'admin'."));
        Json.blocking(context, () -> tenants.createKey(caller, project(context), name, role), issued -> {
            context.response().putHeader("Cache-Control", "no-store");
            Json.answer(context, withValue(issued));
        });
    }

    private static ObjectNode withValue(Issued issued) {
        return issued.object().put("value", issued.value());
    }

    void listKeys(RoutingContext context, Principal caller) {
        Json.requireKnown(context);
        Json.answer(context, Json.page(context, tenants.keys(caller, project(context)), PAGE));
    }

    void getKey(RoutingContext context, Principal caller) {
        Json.answer(context, tenants.key(caller, project(context), context.pathParam("key")));
    }

    void deleteKey(RoutingContext context, Principal caller) {
        String key = context.pathParam("key");
        Json.blocking(
                context,
                () -> {
                    tenants.deleteKey(caller, project(context), key);
                    return JsonBody.MAPPER
                            .createObjectNode()
                            .put("id", key)
                            .put("object", "organization.project.api_key.deleted")
                            .put("deleted", true);
                },
                json -> Json.answer(context, json));
    }

    private static String project(RoutingContext context) {
        return context.pathParam("project");
    }

    private static String name(JsonBody body) {
        String name = body.requiredString("name", NAME_CHARS_MAX);
        if (name.isBlank() || name.chars().anyMatch(Character::isISOControl)) {
            throw body.invalid("name", "must have characters that can be seen, and no others.");
        }
        return name;
    }
}

package io.tandem.server.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;

/**
 * Whoever runs a server, which has tenants.
 *
 * @param server as the operator sees it
 */
record Operator(RunningServer server) {
    static final String PROJECTS = "/v1/organization/projects";

    /** Makes the first key of a server that is open to all. */
    static Operator of(RunningServer open) throws IOException, InterruptedException {
        return new Operator(withKey(open, "default", "admin"));
    }

    private static RunningServer withKey(RunningServer server, String tenant, String role)
            throws IOException, InterruptedException {
        String body = "{\"name\":\"k\",\"role\":\"" + role + "\"}";
        return server.as(server.json(server.post(PROJECTS + "/" + tenant + "/api_keys", body))
                .path("value")
                .asText());
    }

    /** @return the new tenant's id */
    String tenant(String name) throws IOException, InterruptedException {
        return server.json(server.post(PROJECTS, "{\"name\":\"" + name + "\"}"))
                .path("id")
                .asText();
    }

    /**
     * A new tenant.
     *
     * @param quota as JSON
     * @return its id
     */
    String tenant(String name, String quota) throws IOException, InterruptedException {
        String id = tenant(name);
        limit(id, quota);
        return id;
    }

    /**
     * Changes a tenant.
     *
     * @param quota as JSON
     * @return how it is now
     */
    JsonNode limit(String tenant, String quota) throws IOException, InterruptedException {
        return server.json(server.post(PROJECTS + "/" + tenant, "{\"quota\":" + quota + "}"));
    }

    /** The server as a tenant sees it, with a new key. */
    RunningServer as(String tenant, String role) throws IOException, InterruptedException {
        return withKey(server, tenant, role);
    }
}

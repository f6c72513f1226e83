package io.tandem.server.tenant;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.TenantId;
import io.tandem.server.config.ApiKey;
import io.tandem.server.storage.TenantStore;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All tenants and their keys: the one place that decides whose a request is. Any thread may ask; what changes a tenant
 * waits for the disk, and counts only when it is there.
 */
public final class Tenants {
    private static final Logger LOG = LoggerFactory.getLogger(Tenants.class);
    /** What scanners for leaked secrets look for. */
    private static final String KEY_PREFIX = "sk-tandem-";

    private static final int KEY_BYTES = 32;
    private static final int SHOWN_CHARS = KEY_PREFIX.length() + 3;
    private static final int MAX_KEYS = 1000;

    private final TenantStore store;
    private final Optional<ApiKey> operatorKey;
    private final boolean tokens;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();
    private final Map<TenantId, Tenant> tenants = new ConcurrentHashMap<>();
    /** In seconds since 1970, by the keys' ids. Written with the tenant. */
    private final Map<String, Long> lastUse = new ConcurrentHashMap<>();

    private final boolean damaged;
    /** By their hashes, which tell somebody who guesses keys nothing about how near a guess was. */
    private volatile Map<String, Caller> keys = Map.of();

    private volatile Map<String, Double> weights = Map.of();

    /**
     * A new key.
     *
     * @param object OpenAI's object of it
     * @param value the key itself, which is nowhere else
     */
    public record Issued(ObjectNode object, String value) {}

    /**
     * @param operatorKey from the settings; admin of the default tenant
     * @param tokens whether another service vouches for callers too
     * @throws IOException if the directory cannot be read; a damaged tenant in it is only reported
     */
    public Tenants(TenantStore store, Optional<ApiKey> operatorKey, boolean tokens, Clock clock) throws IOException {
        this.store = store;
        this.tokens = tokens;
        this.operatorKey = operatorKey;
        this.clock = clock;
        TenantStore.Loaded loaded = store.loadAll();
        boolean unreadable = loaded.damaged();
        for (ObjectNode object : loaded.tenants()) {
            try {
                put(JsonBody.MAPPER.treeToValue(object, Tenant.class));
            } catch (JsonProcessingException | RuntimeException e) {
                LOG.warn("tenant {} is damaged and left out: {}", object.path("id"), e.getMessage());
                unreadable = true;
            }
        }
        this.damaged = unreadable;
        tenants.putIfAbsent(
                TenantId.DEFAULT, new Tenant(TenantId.DEFAULT.value(), "Default", 0, null, Quota.NONE, List.of()));
        index();
    }

    /** Whether requests need a key. A tenant that cannot be read may have had some, so a damaged file opens no door. */
    public boolean locked() {
        return operatorKey.isPresent() || tokens || damaged || !keys.isEmpty();
    }

    /** Who has this key. */
    public Optional<Caller> find(String key) {
        if (operatorKey.filter(own -> own.matches(key)).isPresent()) {
            return Optional.of(new Caller(Principal.OPERATOR, "settings"));
        }
        Caller known = keys.get(ApiKey.hash(key));
        if (known == null) {
            return Optional.empty();
        }
        lastUse.put(known.id(), now());
        return Optional.of(known);
    }

    /** Somebody of a tenant whose role another service vouches for; empty if there is no such active tenant. */
    public Optional<Principal> principal(String id, Role role) {
        return Optional.of(id)
                .filter(TenantId::isOne)
                .map(TenantId::new)
                .filter(tenant -> {
                    Tenant known = tenants.get(tenant);
                    return known != null && known.active();
                })
                .map(tenant -> new Principal(tenant, role));
    }

    /** All tenants that there have been. */
    public Set<TenantId> ids() {
        return Set.copyOf(tenants.keySet());
    }

    /** OpenAI's project objects, the oldest first. */
    public List<ObjectNode> list(Principal caller, boolean archived) {
        return tenants.values().stream()
                .filter(tenant -> caller.administers(new TenantId(tenant.id())))
                .filter(tenant -> archived || tenant.active())
                .sorted(Comparator.comparingLong(Tenant::createdAt).thenComparing(Tenant::id))
                .map(TenantJson::project)
                .toList();
    }

    public ObjectNode get(Principal caller, String id) {
        return TenantJson.project(require(caller, id));
    }

    public synchronized ObjectNode create(Principal caller, String name) throws IOException {
        requireOperator(caller);
        requireUnused(name);
        Tenant tenant = new Tenant(TenantId.random().value(), name, now(), null, Quota.NONE, List.of());
        save(tenant);
        LOG.info("tenant {} is created: {}", tenant.id(), name);
        return TenantJson.project(tenant);
    }

    /** Changes what is given. */
    public ObjectNode modify(Principal caller, String id, Optional<String> name, Optional<Quota> quota)
            throws IOException {
        return change(caller, id, tenant -> {
            name.filter(other -> !other.equals(tenant.name())).ifPresent(this::requireUnused);
            return tenant.renamed(name.orElse(tenant.name())).with(quota.orElse(tenant.quota()));
        });
    }

    /** What a tenant may use. */
    public Quota quota(TenantId tenant) {
        Tenant known = tenants.get(tenant);
        return known == null ? Quota.NONE : known.quota();
    }

    /** The share of the device that an account has in proportion to others. */
    public double weight(String account) {
        return weights.getOrDefault(account, 1.0);
    }

    /** Ends a tenant: its keys open nothing any more, what it owns stays. */
    public ObjectNode archive(Principal caller, String id) throws IOException {
        ObjectNode archived = change(caller, id, tenant -> {
            if (id.equals(TenantId.DEFAULT.value())) {
                throw ApiException.invalid("project_id", "The project 'default' cannot be archived.");
            }
            return tenant.archived(now());
        });
        LOG.info("tenant {} is archived", id);
        return archived;
    }

    private synchronized ObjectNode change(Principal caller, String id, UnaryOperator<Tenant> change)
            throws IOException {
        Tenant tenant = requireActive(caller, id);
        requireOperator(caller);
        Tenant changed = change.apply(tenant);
        save(changed);
        return TenantJson.project(changed);
    }

    /** A tenant's keys, as OpenAI's objects, the oldest first. */
    public List<ObjectNode> keys(Principal caller, String id) {
        return require(caller, id).keys().stream().map(this::shown).toList();
    }

    public ObjectNode key(Principal caller, String id, String keyId) {
        return shown(require(require(caller, id), keyId));
    }

    /** Makes a key. */
    public synchronized Issued createKey(Principal caller, String id, String name, Role role) throws IOException {
        Tenant tenant = requireActive(caller, id);
        if (tenant.keys().size() >= MAX_KEYS) {
            throw ApiException.invalid("project_id", "The project has " + MAX_KEYS + " keys; delete some.");
        }
        boolean operators = tenant.id().equals(TenantId.DEFAULT.value()) && role == Role.ADMIN;
        if (!operators && !hasOperators("")) {
            throw ApiException.invalid(
                    "role",
                    "'role': the first key has to be an admin's of the project 'default', or nobody could make another:"
                            + " from the first key on, every request needs one.");
        }
        byte[] secret = new byte[KEY_BYTES];
        random.nextBytes(secret);
        String value = KEY_PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
        TenantKey key = new TenantKey(
                ObjectIds.kept("key_"),
                name,
                role.label(),
                ApiKey.hash(value),
                value.substring(0, SHOWN_CHARS) + "..." + value.substring(value.length() - 4),
                now(),
                null);
        save(tenant.with(key));
        LOG.info("tenant {} has a new key {} ({})", tenant.id(), key.id(), key.role());
        return new Issued(shown(key), value);
    }

    /** Deletes a key, which opens nothing from now on. */
    public synchronized void deleteKey(Principal caller, String id, String keyId) throws IOException {
        Tenant tenant = require(caller, id);
        require(tenant, keyId);
        if (!hasOperators(keyId)) {
            throw ApiException.invalid(
                    "key_id", "This is the last admin key of the project 'default'; make another one first.");
        }
        save(tenant.without(keyId));
        lastUse.remove(keyId);
        LOG.info("key {} of tenant {} is deleted", keyId, tenant.id());
    }

    /** Whether anybody could still administer the server without this key. */
    private boolean hasOperators(String without) {
        return operatorKey.isPresent()
                || tokens
                || keys.values().stream()
                        .anyMatch(known ->
                                known.principal().isOperator() && !known.id().equals(without));
    }

    /** Writes when keys were last used; what came after the last call is lost in a crash. */
    public synchronized void saveLastUse() throws IOException {
        for (Tenant tenant : tenants.values()) {
            if (!tenant.equals(withLastUse(tenant))) {
                save(tenant);
            }
        }
    }

    /** On disk first, so that a crash leaves the old state or the new one. */
    private void save(Tenant changed) throws IOException {
        Tenant tenant = withLastUse(changed);
        store.save(JsonBody.MAPPER.valueToTree(tenant));
        put(tenant);
        index();
    }

    private Tenant withLastUse(Tenant tenant) {
        return tenant.withKeys(key -> {
            Long used = lastUse.get(key.id());
            return used == null ? key : key.usedAt(used);
        });
    }

    private void put(Tenant tenant) {
        tenant.keys().forEach(TenantJson::requireReadable);
        tenants.put(new TenantId(tenant.id()), tenant);
    }

    private void index() {
        Map<String, Caller> all = new HashMap<>();
        for (Tenant tenant : tenants.values()) {
            if (tenant.active()) {
                for (TenantKey key : tenant.keys()) {
                    Role role = Role.of(key.role()).orElseThrow();
                    all.put(key.hash(), new Caller(new Principal(new TenantId(tenant.id()), role), key.id()));
                }
            }
        }
        keys = Map.copyOf(all);
        weights = tenants.values().stream()
                .collect(Collectors.toUnmodifiableMap(
                        tenant -> new TenantId(tenant.id()).account(""),
                        tenant -> tenant.quota().weight()));
    }

    private ObjectNode shown(TenantKey key) {
        Long used = lastUse.get(key.id());
        return TenantJson.key(used == null ? key : key.usedAt(used));
    }

    /** Whose a tenant is not, for them it does not exist. */
    private Tenant require(Principal caller, String id) {
        return Optional.of(id)
                .filter(TenantId::isOne)
                .map(TenantId::new)
                .filter(caller::administers)
                .map(tenants::get)
                .orElseThrow(() ->
                        ApiException.notFound("project_id", "project_not_found", "There is no project '" + id + "'."));
    }

    private Tenant requireActive(Principal caller, String id) {
        Tenant tenant = require(caller, id);
        if (!tenant.active()) {
            throw ApiException.invalid("project_id", "The project '" + id + "' is archived.");
        }
        return tenant;
    }

    private static TenantKey require(Tenant tenant, String keyId) {
        return tenant.keys().stream()
                .filter(key -> key.id().equals(keyId))
                .findFirst()
                .orElseThrow(() ->
                        ApiException.notFound("key_id", "key_not_found", "The project has no key '" + keyId + "'."));
    }

    private static void requireOperator(Principal caller) {
        if (!caller.isOperator()) {
            throw new ApiException(
                    403,
                    "invalid_request_error",
                    null,
                    "insufficient_permissions",
                    "Only admin keys of the project 'default' may do this.");
        }
    }

    private void requireUnused(String name) {
        if (tenants.values().stream()
                .anyMatch(tenant -> tenant.active() && tenant.name().equals(name))) {
            throw ApiException.invalid("name", "'name': there is a project '" + name + "' already.");
        }
    }

    private long now() {
        return clock.instant().getEpochSecond();
    }
}

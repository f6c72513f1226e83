package io.tandem.kernels.model;

/** A linear of the decoder layer that an adapter can change, by HuggingFace's name; {@link ModelConfig#modules} are those of a model. */
public enum TargetModule {
    Q_PROJ("self_attn", "q_proj"),
    K_PROJ("self_attn", "k_proj"),
    V_PROJ("self_attn", "v_proj"),
    /** Queries, keys and values in one. */
    QKV_PROJ("self_attn", "qkv_proj"),
    O_PROJ("self_attn", "o_proj"),
    GATE_PROJ("mlp", "gate_proj"),
    UP_PROJ("mlp", "up_proj"),
    /** Gate and up in one. */
    GATE_UP_PROJ("mlp", "gate_up_proj"),
    DOWN_PROJ("mlp", "down_proj"),
    EXPERT_GATE_PROJ("mlp.experts", "gate_proj"),
    EXPERT_UP_PROJ("mlp.experts", "up_proj"),
    EXPERT_DOWN_PROJ("mlp.experts", "down_proj"),
    /** Mixtral's name of an expert's gate. */
    EXPERT_W1("block_sparse_moe.experts", "w1"),
    /** Mixtral's name of an expert's up projection. */
    EXPERT_W3("block_sparse_moe.experts", "w3"),
    /** Mixtral's name of an expert's down projection. */
    EXPERT_W2("block_sparse_moe.experts", "w2");

    private final String parent;
    private final String label;

    TargetModule(String parent, String label) {
        this.parent = parent;
        this.label = label;
    }

    /** The block it belongs to, for example {@code self_attn}; that of experts, {@code mlp.experts}, comes before a number. */
    public String parent() {
        return parent;
    }

    /** Whether each expert has one. */
    public boolean ofExperts() {
        return parent.endsWith(".experts");
    }

    /** HuggingFace's name, for example {@code q_proj}. */
    public String label() {
        return label;
    }

    /** Columns of its weight. */
    public int inputs(ModelConfig model) {
        return switch (this) {
            case Q_PROJ,
                    K_PROJ,
                    V_PROJ,
                    QKV_PROJ,
                    GATE_PROJ,
                    UP_PROJ,
                    GATE_UP_PROJ,
                    EXPERT_GATE_PROJ,
                    EXPERT_UP_PROJ,
                    EXPERT_W1,
                    EXPERT_W3 -> model.hidden();
            case O_PROJ -> model.heads() * model.headDim();
            case DOWN_PROJ, EXPERT_DOWN_PROJ, EXPERT_W2 -> model.ffn();
        };
    }

    /** Rows of its weight. */
    public int outputs(ModelConfig model) {
        return switch (this) {
            case Q_PROJ -> model.heads() * model.headDim();
            case K_PROJ, V_PROJ -> model.kvHeads() * model.headDim();
            case QKV_PROJ -> model.qkvRows();
            case O_PROJ, DOWN_PROJ, EXPERT_DOWN_PROJ, EXPERT_W2 -> model.hidden();
            case GATE_PROJ, UP_PROJ, EXPERT_GATE_PROJ, EXPERT_UP_PROJ, EXPERT_W1, EXPERT_W3 -> model.ffn();
            case GATE_UP_PROJ -> 2 * model.ffn();
        };
    }
}

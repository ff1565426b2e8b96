//! What a person may do.

/// LiteLLM's user roles (ID-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    ProxyAdmin,
    /// Reads everything, changes nothing.
    ProxyAdminViewer,
    /// Administers the organisations where the membership says so.
    OrgAdmin,
    /// Uses models, manages own keys.
    InternalUser,
    /// Uses models, reads own spend.
    InternalUserViewer,
    /// A team acting by itself (JWT).
    Team,
    /// An end customer.
    Customer,
}

impl Role {
    /// All roles, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::ProxyAdmin,
        Self::ProxyAdminViewer,
        Self::OrgAdmin,
        Self::InternalUser,
        Self::InternalUserViewer,
        Self::Team,
        Self::Customer,
    ];

    /// LiteLLM's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProxyAdmin => "proxy_admin",
            Self::ProxyAdminViewer => "proxy_admin_viewer",
            Self::OrgAdmin => "org_admin",
            Self::InternalUser => "internal_user",
            Self::InternalUserViewer => "internal_user_viewer",
            Self::Team => "team",
            Self::Customer => "customer",
        }
    }

    /// Whether it administers something, if only by looking.
    #[must_use]
    pub fn administers(self) -> bool {
        self != self.without_administration()
    }

    /// What is left of it.
    #[must_use]
    pub fn without_administration(self) -> Self {
        match self {
            Self::ProxyAdmin | Self::OrgAdmin => Self::InternalUser,
            Self::ProxyAdminViewer => Self::InternalUserViewer,
            other @ (Self::InternalUser | Self::InternalUserViewer | Self::Team | Self::Customer) => other,
        }
    }

    /// `None` for an unknown text. LiteLLM reads that as `internal_user` (W13).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
